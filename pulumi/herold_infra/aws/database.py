"""The ledger's database: Aurora PostgreSQL over the availability zones, by TLS only, restorable to any second."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, iam, rds

from herold_infra.aws.database_settings import DatabaseSettings
from herold_infra.aws.documents import build_trust
from herold_infra.aws.firewall import Group, make_group
from herold_infra.aws.keys import Keys
from herold_infra.aws.logins import Login, fill_login_secrets, make_login_secrets
from herold_infra.aws.network import Network
from herold_infra.aws.password import keep_password, make_password
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.aws.proxy import make_proxy
from herold_infra.aws.rotation import make_rotation
from herold_infra.aws.vault import Shelf
from herold_infra.component import Component

ENGINE = rds.EngineType.AURORA_POSTGRESQL
PORT = 5432
NAME = "herold"
ADMINISTRATOR = "herold_administrator"
MONITORING_SECONDS = 60
INSIGHT_DAYS = 372
# Who connects is logged. Statements are not, not even failed ones, nor the values that an error would name: they hold
# addresses, and changes of a role its password (docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/
# USER_LogAccess.Concepts.PostgreSQL.Query_Logging.html#USER_LogAccess.Concepts.PostgreSQL.Query_Logging.mitigate-risk).
PARAMETERS = {
    "rds.force_ssl": "1",
    "ssl_min_protocol_version": "TLSv1.2",
    "log_connections": "1",
    "log_disconnections": "1",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True)
class DatabaseArgs:
    """`clients`: security groups of who may connect. `worldwide`: the global database that it is a part of.

    `follows`: the primary's resources, where this one is its copy in another region. `logins`: who works with it, and
    `shelf`, where their secrets lie; a copy has those of its primary.
    """

    place: Place
    settings: DatabaseSettings
    network: Network
    keys: Keys
    clients: dict[str, pulumi.Output[str]]
    shelf: Shelf
    logins: tuple[Login, ...]
    worldwide: pulumi.Output[str] | None = None
    follows: Database | None = None


class Database(Component):
    """Outputs: `endpoint`, where workloads connect (the proxy of a primary), `reader`, `arn`, `identifier`."""

    def __init__(self, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Database", args.place.logical("database"), opts)
        self._args, self._place, self._settings = args, args.place, args.settings
        self._tags = args.place.tags("ledger", Data.PERSONAL, Zone.DATA)
        group = make_group(self, self._place, "ledger", "The ledger", args.network.vpc_id, Zone.DATA, Data.PERSONAL)
        log = self._make_log()
        self.secret_arn: pulumi.Output[str] | None = None
        cluster = self._make_follower(group, log) if args.follows else self._make_primary(group, log)
        instances = self._make_instances(cluster)
        self.identifier, self.arn, self.reader = cluster.cluster_identifier, cluster.arn, cluster.reader_endpoint
        self.endpoint = cluster.endpoint
        if self.secret_arn is not None:
            make_rotation(self, self._place, args.network, args.keys, instances, group, self.secret_arn)
            logins = make_login_secrets(self, args.shelf, args.logins)
            self.endpoint = make_proxy(
                self, self._place, args.network, args.keys, cluster, group, self.secret_arn, args.clients, logins
            )
            fill_login_secrets(self, args.shelf, logins, self.endpoint)
        self.register_outputs({"endpoint": self.endpoint, "arn": self.arn})

    def _make_log(self) -> cloudwatch.LogGroup:
        return cloudwatch.LogGroup(
            self._place.logical("ledger"),
            region=self._place.region,
            # Aurora writes to this name; made first, so that it is ours.
            name=f"/aws/rds/cluster/{self._place.name('ledger')}/postgresql",
            retention_in_days=self._settings.log_days,
            kms_key_id=self._args.keys.operational.arn,
            tags=self._place.tags("ledger", Data.OPERATIONAL),
            opts=self.kept(),
        )

    def _make_primary(self, group: Group, log: cloudwatch.LogGroup) -> rds.Cluster:
        args, place = self._args, self._place
        thing = "ledger-administrator"
        password = make_password(self, place, thing, ADMINISTRATOR, args.keys)
        cluster = rds.Cluster(
            place.logical("ledger"),
            region=place.region,
            cluster_identifier=place.name("ledger"),
            engine=ENGINE,
            engine_version=self._settings.engine_version,
            global_cluster_identifier=args.worldwide,
            database_name=NAME,
            master_username=ADMINISTRATOR,
            master_password=password.value,
            iam_database_authentication_enabled=True,
            backup_retention_period=self._settings.backup_days,
            preferred_backup_window="02:00-03:00",
            preferred_maintenance_window="sun:04:00-sun:05:00",
            storage_encrypted=True,
            kms_key_id=args.keys.personal.arn,
            deletion_protection=True,
            copy_tags_to_snapshot=True,
            skip_final_snapshot=False,
            final_snapshot_identifier=f"{place.name('ledger')}-last",
            enabled_cloudwatch_logs_exports=["postgresql"],
            db_cluster_parameter_group_name=self._make_parameters().name,
            db_subnet_group_name=self._make_subnets().name,
            vpc_security_group_ids=[group.id],
            tags=self._tags,
            opts=self.kept(after=[log], ignore=["masterPassword"]),
        )
        # What AWS's function for the rotation looks for (docs.aws.amazon.com/secretsmanager/latest/userguide/
        # reference_secret_json_structure.html#reference_secret_json_structure_rds-postgres).
        self.secret_arn = keep_password(
            self, place, thing, password, engine="postgres", host=cluster.endpoint, port=str(PORT), dbname=NAME
        )
        return cluster

    def _make_follower(self, group: Group, log: cloudwatch.LogGroup) -> rds.Cluster:
        """A copy in another region: its content, users and passwords are the primary's."""
        args, place = self._args, self._place
        assert args.follows is not None
        return rds.Cluster(
            place.logical("ledger"),
            region=place.region,
            cluster_identifier=place.name("ledger"),
            engine=ENGINE,
            engine_version=self._settings.engine_version,
            global_cluster_identifier=args.worldwide,
            iam_database_authentication_enabled=True,
            backup_retention_period=self._settings.backup_days,
            storage_encrypted=True,
            kms_key_id=args.keys.personal.arn,
            deletion_protection=True,
            copy_tags_to_snapshot=True,
            skip_final_snapshot=False,
            final_snapshot_identifier=f"{place.name('ledger')}-last",
            enabled_cloudwatch_logs_exports=["postgresql"],
            db_cluster_parameter_group_name=self._make_parameters().name,
            db_subnet_group_name=self._make_subnets().name,
            vpc_security_group_ids=[group.id],
            tags=self._tags,
            opts=self.kept(after=[log, args.follows], ignore=["replicationSourceIdentifier"]),
        )

    def _make_parameters(self) -> rds.ClusterParameterGroup:
        return rds.ClusterParameterGroup(
            self._place.logical("ledger"),
            region=self._place.region,
            name=self._place.name("ledger"),
            family=self._settings.family,
            description="TLS only; who connects is logged, statements are not",
            parameters=[{"name": name, "value": value} for name, value in PARAMETERS.items()],
            tags=self._tags,
            opts=self.inside(),
        )

    def _make_subnets(self) -> rds.SubnetGroup:
        return rds.SubnetGroup(
            self._place.logical("ledger"),
            region=self._place.region,
            name=self._place.name("ledger"),
            description="The data zone",
            subnet_ids=list(self._args.network.data),
            tags=self._tags,
            opts=self.inside(),
        )

    def _make_instances(self, cluster: rds.Cluster) -> list[pulumi.Resource]:
        place = self._place
        role = iam.Role(
            place.logical("ledger-monitoring"),
            name=place.worldwide("ledger-monitoring"),
            assume_role_policy=build_trust("monitoring.rds.amazonaws.com", place.account),
            tags=place.tags("ledger-monitoring", Data.OPERATIONAL),
            opts=self.inside(),
        )
        policy = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
        iam.RolePolicyAttachment(
            place.logical("ledger-monitoring"), role=role.name, policy_arn=policy, opts=self.inside()
        )
        return [
            rds.ClusterInstance(
                place.logical(f"ledger-{number}"),
                region=place.region,
                identifier=f"{place.name('ledger')}-{number}",
                cluster_identifier=cluster.cluster_identifier,
                engine=ENGINE,
                engine_version=self._settings.engine_version,
                instance_class=self._settings.instance_class,
                promotion_tier=number,
                publicly_accessible=False,
                auto_minor_version_upgrade=False,
                ca_cert_identifier="rds-ca-rsa2048-g1",
                monitoring_interval=MONITORING_SECONDS,
                monitoring_role_arn=role.arn,
                performance_insights_enabled=True,
                performance_insights_kms_key_id=self._args.keys.personal.arn,
                performance_insights_retention_period=INSIGHT_DAYS,
                copy_tags_to_snapshot=True,
                tags=self._tags,
                opts=self.kept(),
            )
            for number in range(self._settings.instances)
        ]
