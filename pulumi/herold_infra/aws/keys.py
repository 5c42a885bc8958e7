"""Keys by class of data, in each region: rotated every year, and no service or person may use one for another class."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import kms

from herold_infra.aws.documents import Statement, build_document
from herold_infra.aws.place import Data, Place
from herold_infra.component import Component

DELETION_DAYS = 30
# Days between rotations: AWS allows 90 to 2560, PCI DSS 3.7.4 wants a defined period.
ROTATION_DAYS = 365
USE = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:DescribeKey",
)
GRANT = ("kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant")
# What tells people that something is wrong: alarms, alerts on metrics, the budget, spending that nobody expected.
ALARMING = ("cloudwatch.amazonaws.com", "aps.amazonaws.com", "budgets.amazonaws.com", "costalerts.amazonaws.com")
# AWS services that encrypt for us with the key of a class, by the endpoint that they come through.
SERVICES = {
    Data.OPERATIONAL: ("sqs", "sns", "lambda", "ec2", "es", "aps", "grafana", "s3", "scheduler"),
    Data.PERSONAL: ("rds", "elasticache", "mq", "ec2", "s3", "sqs"),
    Data.CREDENTIAL: ("secretsmanager",),
    Data.ARCHIVE: ("backup", "s3", "cloudtrail", "rds"),
}


@dataclass(frozen=True)
class Key:
    """A key: its ARN, known once it is made."""

    arn: pulumi.Output[str]
    key_id: pulumi.Output[str]


class Keys(Component):
    """One key a class of data in one region."""

    def __init__(self, place: Place, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Keys", place.logical("keys"), opts)
        made = {data: self._make(place, data) for data in Data}
        self.operational = made[Data.OPERATIONAL]
        self.personal = made[Data.PERSONAL]
        self.credential = made[Data.CREDENTIAL]
        self.archive = made[Data.ARCHIVE]
        self.register_outputs({data.value: key.arn for data, key in made.items()})

    def _make(self, place: Place, data: Data) -> Key:
        name = place.logical(f"key-{data.value}")
        key = kms.Key(
            name,
            region=place.region,
            description=f"Herold, {place.environment}: {data.value} data",
            enable_key_rotation=True,
            rotation_period_in_days=ROTATION_DAYS,
            deletion_window_in_days=DELETION_DAYS,
            policy=build_key_policy(place, data),
            tags=place.tags(f"key-{data.value}", data),
            opts=self.kept(),
        )
        kms.Alias(
            name,
            region=place.region,
            name=f"alias/{place.name(data.value)}",
            target_key_id=key.key_id,
            opts=self.inside(),
        )
        return Key(arn=key.arn, key_id=key.key_id)


def build_key_policy(place: Place, data: Data) -> str:
    """Who may do what with the key of a class of data.

    `Resource: *` in a key's policy is this key alone. Without the first statement nobody could ever administer it.
    """
    account = {"AWS": [place.global_arn("iam", "root")]}
    through = [f"{service}.{place.region}.amazonaws.com" for service in SERVICES[data]]
    statements = [
        Statement("Administer", ("kms:*",), ("*",), account),
        Statement(
            "UseThroughServices",
            (*USE, *GRANT),
            ("*",),
            {"AWS": ["*"]},
            {"StringEquals": {"kms:CallerAccount": place.account, "kms:ViaService": through}},
        ),
    ]
    if data is Data.OPERATIONAL:
        # CloudWatch Logs comes as itself, on behalf of a log group.
        statements.append(
            Statement(
                "UseForLogs",
                USE,
                ("*",),
                {"Service": [f"logs.{place.region}.amazonaws.com"]},
                {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": place.arn("logs", "log-group:*")}},
            )
        )
        statements.append(
            Statement(
                "UseForAlarms",
                USE,
                ("*",),
                {"Service": [*ALARMING, "sns.amazonaws.com"]},
                {"StringEquals": {"aws:SourceAccount": place.account}},
            )
        )
    if data is Data.ARCHIVE:
        # The account's history: they write it as themselves.
        statements.append(
            Statement(
                "UseForAudit",
                USE,
                ("*",),
                {"Service": ["cloudtrail.amazonaws.com", "config.amazonaws.com"]},
                {"StringEquals": {"aws:SourceAccount": place.account}},
            )
        )
    if data is Data.PERSONAL:
        # Events of mail hold addresses: what publishes them, and what passes them on, comes as itself.
        statements.append(
            Statement(
                "UseForEvents",
                USE,
                ("*",),
                {"Service": ["ses.amazonaws.com", "sns.amazonaws.com"]},
                {"StringEquals": {"aws:SourceAccount": place.account}},
            )
        )
    return build_document(*statements)
