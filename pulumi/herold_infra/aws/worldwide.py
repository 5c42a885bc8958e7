"""The database over both regions: one that writes, one that follows within about a second and can be promoted."""

from __future__ import annotations

import pulumi
from pulumi_aws import rds

from herold_infra.aws.database_settings import DatabaseSettings
from herold_infra.aws.place import Data, Place
from herold_infra.component import Component


class WorldwideDatabase(Component):
    """Output: `identifier`, which the clusters of both regions join."""

    def __init__(self, place: Place, settings: DatabaseSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("WorldwideDatabase", "worldwide-database", opts)
        joined = rds.GlobalCluster(
            "worldwide-ledger",
            region=place.region,
            global_cluster_identifier=place.name("ledger"),
            engine=rds.EngineType.AURORA_POSTGRESQL,
            engine_version=settings.engine_version,
            storage_encrypted=True,
            deletion_protection=True,
            tags=place.tags("ledger", Data.PERSONAL),
            opts=self.kept(),
        )
        self.identifier = joined.global_cluster_identifier
        self.register_outputs({"identifier": self.identifier})


def make_worldwide_database(
    place: Place, settings: DatabaseSettings, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """The identifier that the clusters join."""
    return WorldwideDatabase(place, settings, opts).identifier
