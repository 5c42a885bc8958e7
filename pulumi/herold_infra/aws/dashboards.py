"""Dashboards: Grafana, for people of named groups, by the company's sign-in, from inside the network only."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, grafana, iam
from pydantic import Field

from herold_infra.aws.documents import Statement, build_document, build_trust
from herold_infra.aws.firewall import Group, Peer, make_group
from herold_infra.aws.keys import Keys
from herold_infra.aws.network import Network
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.component import Component
from herold_infra.settings import Settings

PORT = 443
READ_METRICS = ("aps:QueryMetrics", "aps:GetLabels", "aps:GetSeries", "aps:GetMetricMetadata")
# AWS authorises them without a resource.
READ_CLOUDWATCH = ("cloudwatch:GetMetricData", "cloudwatch:ListMetrics")
Groups = tuple[str, ...]


class DashboardsSettings(Settings):
    """Identifiers of groups in IAM Identity Center: who may change dashboards, and who looks at them."""

    version: str = Field(pattern=r"^[0-9]+\.[0-9]+$")
    administrators: Groups = Field(min_length=1, strict=False)
    viewers: Groups = Field(min_length=1, strict=False)


@dataclass(frozen=True)
class DashboardsArgs:
    """`logs`: the security group of the central logs, which Grafana reads as well."""

    place: Place
    settings: DashboardsSettings
    network: Network
    keys: Keys
    logs: Group


class Dashboards(Component):
    """Output: `endpoint`, a host name that the network alone resolves to an address that answers."""

    def __init__(self, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Dashboards", args.place.logical("dashboards"), opts)
        self._args, self._place = args, args.place
        self._tags = args.place.tags("dashboards", Data.OPERATIONAL, Zone.APPLICATION)
        workspace = self._make_workspace(self._make_group(), self._make_door(), self._make_role())
        for role, groups in (("ADMIN", args.settings.administrators), ("VIEWER", args.settings.viewers)):
            grafana.RoleAssociation(
                args.place.logical(f"dashboards-{role.lower()}"),
                region=args.place.region,
                workspace_id=workspace.id,
                role=role,
                group_ids=list(groups),
                opts=self.inside(),
            )
        self.endpoint = workspace.endpoint
        self.register_outputs({"endpoint": self.endpoint})

    def _make_group(self) -> Group:
        """What Grafana reaches: AWS's private endpoints, and the central logs."""
        args = self._args
        group = make_group(
            self, args.place, "dashboards", "Grafana", args.network.vpc_id, Zone.APPLICATION, Data.OPERATIONAL
        )
        group.let_out("to-endpoints", Peer(cidr=args.network.cidr), PORT)
        group.let_out("to-logs", Peer(group=args.logs.id), PORT)
        args.logs.let_in("from-dashboards", Peer(group=group.id), PORT)
        return group

    def _make_door(self) -> ec2.VpcEndpoint:
        """The only way in: people come by the VPN."""
        args, place, thing = self._args, self._place, "dashboards-door"
        group = make_group(self, place, thing, "To Grafana", args.network.vpc_id, Zone.APPLICATION, Data.OPERATIONAL)
        group.let_in("from-network", Peer(cidr=args.network.cidr), PORT)
        return ec2.VpcEndpoint(
            place.logical(thing),
            region=place.region,
            vpc_id=args.network.vpc_id,
            service_name=f"com.amazonaws.{place.region}.grafana-workspace",
            vpc_endpoint_type="Interface",
            subnet_ids=list(args.network.application),
            security_group_ids=[group.id],
            private_dns_enabled=True,
            tags=place.tags(thing, Data.OPERATIONAL, Zone.APPLICATION),
            opts=self.inside(),
        )

    def _make_role(self) -> iam.Role:
        """It reads metrics and logs, and writes nothing."""
        place = self._place
        role = iam.Role(
            place.logical("dashboards"),
            name=place.worldwide("dashboards"),
            assume_role_policy=build_trust(
                "grafana.amazonaws.com", place.account, place.arn("grafana", "/workspaces/*")
            ),
            tags=self._tags,
            opts=self.inside(),
        )
        logs = place.arn("es", f"domain/{place.name('logs')}")
        iam.RolePolicy(
            place.logical("dashboards"),
            name="read",
            role=role.name,
            policy=build_document(
                Statement("Metrics", READ_METRICS, (place.arn("aps", "workspace/*"),)),
                Statement("CloudWatch", READ_CLOUDWATCH, ("*",)),
                Statement("Logs", ("es:ESHttpGet",), (f"{logs}/*",)),
                # A search of several indexes is a POST, and reads all the same.
                Statement("SearchLogs", ("es:ESHttpPost",), (f"{logs}/_msearch*",)),
            ),
            opts=self.inside(),
        )
        return role

    def _make_workspace(self, group: Group, door: ec2.VpcEndpoint, role: iam.Role) -> grafana.Workspace:
        args, place = self._args, self._place
        return grafana.Workspace(
            place.logical("dashboards"),
            region=place.region,
            name=place.name("dashboards"),
            grafana_version=args.settings.version,
            account_access_type="CURRENT_ACCOUNT",
            authentication_providers=["AWS_SSO"],
            permission_type="CUSTOMER_MANAGED",
            role_arn=role.arn,
            data_sources=["PROMETHEUS", "CLOUDWATCH", "AMAZON_OPENSEARCH_SERVICE"],
            kms_key_id=args.keys.operational.arn,
            network_access_control={"vpce_ids": [door.id], "prefix_list_ids": []},
            vpc_configuration={"subnet_ids": list(args.network.application), "security_group_ids": [group.id]},
            tags=self._tags,
            opts=self.inside(),
        )
