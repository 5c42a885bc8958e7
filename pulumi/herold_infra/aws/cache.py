"""The cache: Valkey over the availability zones, by TLS only; a client without a token of IAM is not let in."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, elasticache
from pydantic import Field

from herold_infra.aws.firewall import Peer, make_group
from herold_infra.aws.keys import Keys
from herold_infra.aws.network import Network
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.component import Component
from herold_infra.settings import Settings

PORT = 6379
ENGINE = "valkey"
# Herold's keys have its name; administration and scripts are not for a workload.
RIGHTS = "on ~herold:* &herold:* +@all -@dangerous -@admin -@scripting"


class CacheSettings(Settings):
    """A cache. `replicas` beside the primary, each in another availability zone."""

    engine_version: str = Field(pattern=r"^[789]\.[0-9]$")
    node_type: str = Field(pattern=r"^cache\.[a-z0-9]+\.[a-z0-9]+$")
    replicas: int = Field(ge=1, le=5)
    snapshot_days: int = Field(ge=1, le=35)
    log_days: int = Field(ge=1, le=3653)


@dataclass(frozen=True)
class CacheArgs:
    """`clients`: security groups of who may connect."""

    place: Place
    settings: CacheSettings
    network: Network
    keys: Keys
    clients: dict[str, pulumi.Output[str]]


class Cache(Component):
    """Outputs: `endpoint` of the primary, `user`, the name that workloads ask a token of IAM for."""

    def __init__(self, args: CacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Cache", args.place.logical("cache"), opts)
        self._args, self._place = args, args.place
        self._tags = args.place.tags("cache", Data.PERSONAL, Zone.DATA)
        self.user = args.place.name("cache")
        cache = self._make_group(self._make_users())
        self.endpoint = cache.primary_endpoint_address
        self.register_outputs({"endpoint": self.endpoint, "user": self.user})

    def _make_users(self) -> elasticache.UserGroup:
        """One user for workloads. The `default` one, which every group must have, can do nothing."""
        place = self._place
        workload = elasticache.User(
            place.logical("cache"),
            region=place.region,
            # With IAM both names must be the same.
            user_id=self.user,
            user_name=self.user,
            engine=ENGINE,
            access_string=RIGHTS,
            authentication_mode={"type": "iam"},
            tags=self._tags,
            opts=self.inside(),
        )
        nobody = elasticache.User(
            place.logical("cache-default"),
            region=place.region,
            user_id=place.name("cache-default"),
            user_name="default",
            engine=ENGINE,
            # It is off, so how it would prove who it is does not matter; IAM can't, for a user of this name.
            access_string="off -@all",
            authentication_mode={"type": "no-password-required"},
            tags=self._tags,
            opts=self.inside(),
        )
        return elasticache.UserGroup(
            place.logical("cache"),
            region=place.region,
            user_group_id=place.name("cache"),
            engine=ENGINE,
            user_ids=[nobody.user_id, workload.user_id],
            tags=self._tags,
            opts=self.inside(),
        )

    def _make_group(self, users: elasticache.UserGroup) -> elasticache.ReplicationGroup:
        args, place, settings = self._args, self._place, self._args.settings
        group = make_group(self, place, "cache", "The cache", args.network.vpc_id, Zone.DATA, Data.PERSONAL)
        for client, client_group in args.clients.items():
            group.let_in(f"from-{client}", Peer(group=client_group), PORT)
        log = cloudwatch.LogGroup(
            place.logical("cache"),
            region=place.region,
            name=f"/herold/{place.environment}/cache",
            retention_in_days=settings.log_days,
            kms_key_id=args.keys.operational.arn,
            tags=place.tags("cache", Data.OPERATIONAL),
            opts=self.kept(),
        )
        subnets = elasticache.SubnetGroup(
            place.logical("cache"),
            region=place.region,
            name=place.name("cache"),
            description="The data zone",
            subnet_ids=list(args.network.data),
            tags=self._tags,
            opts=self.inside(),
        )
        return elasticache.ReplicationGroup(
            place.logical("cache"),
            region=place.region,
            replication_group_id=place.name("cache"),
            description="Herold's cache",
            engine=ENGINE,
            engine_version=settings.engine_version,
            node_type=settings.node_type,
            num_cache_clusters=settings.replicas + 1,
            port=PORT,
            automatic_failover_enabled=True,
            multi_az_enabled=True,
            at_rest_encryption_enabled=True,
            kms_key_id=args.keys.personal.arn,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            user_group_ids=[users.user_group_id],
            snapshot_retention_limit=settings.snapshot_days,
            snapshot_window="02:00-03:00",
            maintenance_window="sun:04:00-sun:05:00",
            auto_minor_version_upgrade=False,
            final_snapshot_identifier=f"{place.name('cache')}-last",
            log_delivery_configurations=[
                {
                    # The engine's log only: the slow log would hold keys and values.
                    "log_type": "engine-log",
                    "log_format": "json",
                    "destination_type": "cloudwatch-logs",
                    "destination": log.name,
                }
            ],
            subnet_group_name=subnets.name,
            security_group_ids=[group.id],
            tags=self._tags,
            opts=self.kept(),
        )
