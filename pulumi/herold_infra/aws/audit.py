"""Who did what in the account, what changed, and what looks like an attack: in every region where something stands."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import cfg, cloudtrail, cloudwatch, ebs, guardduty, iam, s3, securityhub
from pydantic import Field

from herold_infra.aws.bucket import BucketPlan, bucket_name, make_bucket
from herold_infra.aws.documents import Condition, Statement, build_document
from herold_infra.aws.keys import Keys
from herold_infra.aws.place import Data, Place
from herold_infra.component import Component
from herold_infra.settings import Settings

WATCHED = ("S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "RDS_LOGIN_EVENTS", "EBS_MALWARE_PROTECTION", "RUNTIME_MONITORING")
STANDARDS = ("pci-dss/v/4.0.1", "aws-foundational-security-best-practices/v/1.0.0")


class AuditSettings(Settings):
    """How long the account's history is kept."""

    days: int = Field(ge=1, le=3653)


@dataclass(frozen=True)
class AuditArgs:
    """`whole_account`: this region also keeps what is not of one region: the trail, and what holds for the account."""

    place: Place
    settings: AuditSettings
    keys: Keys
    whole_account: bool


class Audit(Component):
    """Output: `bucket`, the name of the bucket that keeps the history."""

    def __init__(self, args: AuditArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Audit", args.place.logical("audit"), opts)
        self._args, self._place = args, args.place
        self._tags = args.place.tags("audit", Data.ARCHIVE)
        bucket = self._make_bucket()
        self.bucket = bucket.bucket
        self._record_changes(bucket)
        self._watch_threats()
        self._judge()
        ebs.EncryptionByDefault(args.place.logical("audit"), region=args.place.region, enabled=True, opts=self.inside())
        if args.whole_account:
            self._make_trail(bucket)
            s3.AccountPublicAccessBlock(
                args.place.logical("audit"),
                account_id=args.place.account,
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
                opts=self.inside(),
            )
        self.register_outputs({"bucket": self.bucket})

    def _make_bucket(self) -> s3.Bucket:
        place = self._place
        name = f"arn:aws:s3:::{bucket_name(place, 'audit')}"
        ours: Condition = {"StringEquals": {"aws:SourceAccount": place.account}}
        services = {"Service": ["cloudtrail.amazonaws.com", "config.amazonaws.com"]}
        looked = Statement("Look", ("s3:GetBucketAcl", "s3:ListBucket"), (name,), services, ours)
        written = Statement("Write", ("s3:PutObject",), (f"{name}/AWSLogs/{place.account}/*",), services, ours)
        plan = BucketPlan("audit", Data.ARCHIVE, self._args.settings.days, self._args.keys.archive, (looked, written))
        return make_bucket(self, place, plan)

    def _record_changes(self, bucket: s3.Bucket) -> None:
        place = self._place
        recorder = cfg.Recorder(
            place.logical("audit"),
            region=place.region,
            name="default",
            # The role that AWS Config makes for itself: it reads descriptions and nothing else.
            role_arn=place.global_arn("iam", "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"),
            recording_group={"all_supported": True, "include_global_resource_types": self._args.whole_account},
            opts=self.inside(),
        )
        channel = cfg.DeliveryChannel(
            place.logical("audit"),
            region=place.region,
            name="default",
            s3_bucket_name=bucket.bucket,
            s3_kms_key_arn=self._args.keys.archive.arn,
            opts=self.inside(after=[recorder]),
        )
        cfg.RecorderStatus(
            place.logical("audit"),
            region=place.region,
            name=recorder.name,
            is_enabled=True,
            opts=self.inside(after=[channel]),
        )

    def _watch_threats(self) -> None:
        place = self._place
        detector = guardduty.Detector(
            place.logical("audit"),
            region=place.region,
            enable=True,
            finding_publishing_frequency="FIFTEEN_MINUTES",
            tags=self._tags,
            opts=self.inside(),
        )
        for name in WATCHED:
            guardduty.DetectorFeature(
                place.logical(f"audit-{name.lower()}"),
                region=place.region,
                detector_id=detector.id,
                name=name,
                status="ENABLED",
                opts=self.inside(),
            )

    def _judge(self) -> None:
        place = self._place
        hub = securityhub.Account(
            place.logical("audit"),
            region=place.region,
            # Those that are wanted are named below; AWS's own choice changes.
            enable_default_standards=False,
            auto_enable_controls=True,
            control_finding_generator="SECURITY_CONTROL",
            opts=self.inside(),
        )
        for standard in STANDARDS:
            securityhub.StandardsSubscription(
                place.logical(f"audit-{standard.partition('/')[0]}"),
                region=place.region,
                standards_arn=f"arn:aws:securityhub:{place.region}::standards/{standard}",
                opts=self.inside(after=[hub]),
            )

    def _make_trail(self, bucket: s3.Bucket) -> None:
        place = self._place
        name = f"/herold/{place.environment}/trail"
        log = cloudwatch.LogGroup(
            place.logical("trail"),
            region=place.region,
            name=name,
            retention_in_days=self._args.settings.days,
            kms_key_id=self._args.keys.operational.arn,
            tags=place.tags("trail", Data.OPERATIONAL),
            opts=self.kept(),
        )
        trail = place.arn("cloudtrail", f"trail/{place.name('account')}")
        role = iam.Role(
            place.logical("trail"),
            name=place.worldwide("trail"),
            assume_role_policy=build_document(
                Statement(
                    "Assume",
                    ("sts:AssumeRole",),
                    principals={"Service": ["cloudtrail.amazonaws.com"]},
                    condition={"StringEquals": {"aws:SourceArn": trail}},
                )
            ),
            tags=self._tags,
            opts=self.inside(),
        )
        streams = place.arn("logs", f"log-group:{name}:log-stream:*")
        iam.RolePolicy(
            place.logical("trail"),
            name="write",
            role=role.name,
            policy=build_document(Statement("Write", ("logs:CreateLogStream", "logs:PutLogEvents"), (streams,))),
            opts=self.inside(),
        )
        cloudtrail.Trail(
            place.logical("trail"),
            region=place.region,
            name=place.name("account"),
            s3_bucket_name=bucket.bucket,
            kms_key_id=self._args.keys.archive.arn,
            cloud_watch_logs_group_arn=log.arn.apply(lambda arn: f"{arn}:*"),
            cloud_watch_logs_role_arn=role.arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            enable_logging=True,
            tags=self._tags,
            opts=self.kept(),
        )
