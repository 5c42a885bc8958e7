"""The central logs: OpenSearch over three availability zones, inside the data zone, for whom IAM and it both know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, iam, opensearch
from pydantic import Field

from herold_infra.aws.cluster import Cluster
from herold_infra.aws.documents import Statement, build_document
from herold_infra.aws.firewall import Group, Peer, make_group
from herold_infra.aws.keys import Keys
from herold_infra.aws.network import Network
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.aws.pods import ServiceAccount, make_pod_role
from herold_infra.component import Component
from herold_infra.settings import Settings

PORT = 443
ZONES = 3
TLS = "Policy-Min-TLS-1-2-PFS-2023-10"
# Slow logs would hold what people searched for.
LOGS = ("AUDIT_LOGS", "ES_APPLICATION_LOGS")
SHIPPER = ServiceAccount("herold-logs", "log-shipper")
INDEXES = "herold-*"


class LogStoreSettings(Settings):
    """`nodes`: a multiple of three. `masters`: the size of three nodes that hold no data; production has them.

    `administrator`: the role that gives the rights within. `days`: how long an index of a day is kept.
    """

    engine_version: str = Field(pattern=r"^OpenSearch_[23]\.[0-9]+$")
    instance_type: str = Field(pattern=r"^[a-z0-9]+\.[a-z0-9]+\.search$")
    nodes: int = Field(ge=ZONES, le=30, multiple_of=ZONES)
    masters: str | None = Field(default=None, pattern=r"^[a-z0-9]+\.[a-z0-9]+\.search$")
    disk_gib: int = Field(ge=10, le=3072)
    administrator: str = Field(pattern="^arn:aws:iam::[0-9]{12}:role/.+$")
    days: int = Field(ge=1, le=400)
    log_days: int = Field(ge=1, le=3653)


@dataclass(frozen=True)
class LogStoreArgs:
    """What the central logs are made from."""

    place: Place
    settings: LogStoreSettings
    network: Network
    keys: Keys
    cluster: Cluster


class LogStore(Component):
    """Outputs: `endpoint`, a host name; `shipper_role_arn`, of the pods that write; `group`, its security group."""

    def __init__(self, args: LogStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("LogStore", args.place.logical("log-store"), opts)
        self._args, self._place = args, args.place
        self._tags = args.place.tags("logs", Data.OPERATIONAL, Zone.DATA)
        self._arn = args.place.arn("es", f"domain/{args.place.name('logs')}")
        self.group = self._make_group()
        self.endpoint = self._make_domain().endpoint
        write = ("es:ESHttpGet", "es:ESHttpPost", "es:ESHttpPut")
        self.shipper_role_arn = make_pod_role(
            self,
            args.place,
            args.cluster,
            SHIPPER,
            "log-shipper",
            Statement("Write", write, (f"{self._arn}/{INDEXES}", f"{self._arn}/_bulk")),
        )
        self.register_outputs({"endpoint": self.endpoint, "shipperRoleArn": self.shipper_role_arn})

    def _make_group(self) -> Group:
        args = self._args
        group = make_group(
            self, args.place, "logs", "The central logs", args.network.vpc_id, Zone.DATA, Data.OPERATIONAL
        )
        group.let_in("from-cluster", Peer(group=args.cluster.group_id), PORT)
        return group

    def _make_domain(self) -> opensearch.Domain:
        args, place, settings = self._args, self._place, self._args.settings
        # With it OpenSearch gets addresses in our network. One for the account, and nobody else makes it for us.
        linked = iam.ServiceLinkedRole(
            place.logical("logs"),
            aws_service_name="opensearchservice.amazonaws.com",
            tags=place.tags("logs", Data.OPERATIONAL),
            opts=self.inside(),
        )
        published = [self._make_log(kind) for kind in LOGS]
        return opensearch.Domain(
            place.logical("logs"),
            region=place.region,
            domain_name=place.name("logs"),
            engine_version=settings.engine_version,
            cluster_config={
                "instance_type": settings.instance_type,
                "instance_count": settings.nodes,
                "zone_awareness_enabled": True,
                "zone_awareness_config": {"availability_zone_count": ZONES},
                "dedicated_master_enabled": settings.masters is not None,
                "dedicated_master_type": settings.masters,
                "dedicated_master_count": ZONES if settings.masters else None,
                "multi_az_with_standby_enabled": settings.masters is not None,
            },
            ebs_options={"ebs_enabled": True, "volume_type": "gp3", "volume_size": settings.disk_gib},
            encrypt_at_rest={"enabled": True, "kms_key_id": args.keys.operational.arn},
            node_to_node_encryption={"enabled": True},
            domain_endpoint_options={"enforce_https": True, "tls_security_policy": TLS},
            advanced_security_options={
                "enabled": True,
                "anonymous_auth_enabled": False,
                "internal_user_database_enabled": False,
                "master_user_options": {"master_user_arn": settings.administrator},
            },
            access_policies=self._build_access(),
            vpc_options={"subnet_ids": list(args.network.data[:ZONES]), "security_group_ids": [self.group.id]},
            log_publishing_options=[
                {"log_type": kind, "cloudwatch_log_group_arn": log.arn, "enabled": True}
                for kind, log in zip(LOGS, published, strict=True)
            ],
            off_peak_window_options={
                "enabled": True,
                "off_peak_window": {"window_start_time": {"hours": 2, "minutes": 0}},
            },
            software_update_options={"auto_software_update_enabled": True},
            tags=self._tags,
            opts=self.kept(after=[linked, self._let_write(), *published]),
        )

    def _build_access(self) -> str:
        """Nobody from another account. Which of ours may what is said by their own policies, and once more within."""
        calls = ("es:ESHttpDelete", "es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost", "es:ESHttpPut")
        ours = {"AWS": [self._place.global_arn("iam", "root")]}
        return build_document(Statement("OurAccount", calls, (f"{self._arn}/*",), ours))

    def _make_log(self, kind: str) -> cloudwatch.LogGroup:
        place, thing = self._place, f"logs-{kind.partition('_')[0].lower()}"
        return cloudwatch.LogGroup(
            place.logical(thing),
            region=place.region,
            name=f"/herold/{place.environment}/{thing}",
            retention_in_days=self._args.settings.log_days,
            kms_key_id=self._args.keys.operational.arn,
            tags=place.tags(thing, Data.OPERATIONAL),
            opts=self.kept(),
        )

    def _let_write(self) -> cloudwatch.LogResourcePolicy:
        place = self._place
        return cloudwatch.LogResourcePolicy(
            place.logical("logs"),
            region=place.region,
            policy_name=place.name("logs"),
            policy_document=build_document(
                Statement(
                    "Write",
                    ("logs:CreateLogStream", "logs:PutLogEvents"),
                    (place.arn("logs", f"log-group:/herold/{place.environment}/logs-*"),),
                    {"Service": ["es.amazonaws.com"]},
                    {"StringEquals": {"aws:SourceAccount": place.account}},
                )
            ),
            opts=self.inside(),
        )


def build_retention(days: int) -> dict[str, Any]:
    """The rule by which OpenSearch itself deletes old indexes, as its index management takes it.

    No call of AWS takes it: it is put into the domain, at `_plugins/_ism/policies/herold`.
    """
    old = [{"state_name": "over", "conditions": {"min_index_age": f"{days}d"}}]
    return {
        "policy": {
            "description": f"An index is kept for {days} days",
            "default_state": "kept",
            "states": [
                {"name": "kept", "actions": [], "transitions": old},
                {"name": "over", "actions": [{"delete": {}}], "transitions": []},
            ],
            "ism_template": [{"index_patterns": [INDEXES], "priority": 100}],
        }
    }
