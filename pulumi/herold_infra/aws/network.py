"""The network of a region: public, application and data zones; the data zone has no way to the internet at all."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2

from herold_infra.aws.addresses import NetworkSettings, SubnetPlan, plan_subnets
from herold_infra.aws.endpoints import make_endpoints
from herold_infra.aws.flow_log import make_flow_log
from herold_infra.aws.keys import Keys
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.component import Component

DATA_PORTS = {"postgresql": 5432, "redis": 6379, "amqps": 5671, "https": 443}
# From which the client's side of a connection is picked: by Linux, and by whatever else is in the network (functions of
# Lambda, balancers; docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports).
OURS, ANYBODYS = (32768, 60999), (1024, 65535)


@dataclass(frozen=True)
class NetworkArgs:
    """What a network is made from."""

    place: Place
    settings: NetworkSettings
    keys: Keys


class Network(Component):
    """Outputs: `vpc_id`, `cidr`, and the subnets of each zone in the order of the settings' availability zones.

    `addresses`: those that others see when something in the application zone calls them.
    """

    def __init__(self, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Network", args.place.logical("network"), opts)
        self._place, self._settings = args.place, args.settings
        self.addresses: tuple[pulumi.Output[str], ...] = ()
        self.cidr = args.settings.cidr
        self._vpc = self._make_vpc()
        self.vpc_id = self._vpc.id
        subnets = {(plan.zone, plan.letter): self._make_subnet(plan) for plan in plan_subnets(args.settings)}
        self.public = self._ids(subnets, Zone.PUBLIC)
        self.application = self._ids(subnets, Zone.APPLICATION)
        self.data = self._ids(subnets, Zone.DATA)
        tables = self._make_routes(subnets)
        self.application_tables = tuple(table.id for table in tables[Zone.APPLICATION])
        private = [table.id for table in tables[Zone.APPLICATION] + tables[Zone.DATA]]
        make_endpoints(self, self._place, self.vpc_id, self.cidr, private, self.application)
        self._close_data_zone()
        make_flow_log(self, self._place, self.vpc_id, args.keys, self._settings.flow_log_days)
        self.register_outputs({"vpcId": self.vpc_id, "dataSubnetIds": list(self.data)})

    def _ids(self, subnets: dict[tuple[Zone, str], ec2.Subnet], zone: Zone) -> tuple[pulumi.Output[str], ...]:
        return tuple(subnets[zone, letter].id for letter in self._settings.zones)

    def _make_vpc(self) -> ec2.Vpc:
        place = self._place
        vpc = ec2.Vpc(
            place.logical("vpc"),
            region=place.region,
            cidr_block=self._settings.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=place.tags("vpc", Data.OPERATIONAL),
            opts=self.kept(),
        )
        # AWS makes it with every network, open within itself. Nothing may use it, so it lets nothing through.
        ec2.DefaultSecurityGroup(
            place.logical("default-closed"),
            region=place.region,
            vpc_id=vpc.id,
            ingress=[],
            egress=[],
            tags=place.tags("default-closed", Data.OPERATIONAL),
            opts=self.inside(),
        )
        return vpc

    def _make_subnet(self, plan: SubnetPlan) -> ec2.Subnet:
        place, thing = self._place, f"{plan.zone.value}-{plan.letter}"
        # Load balancers of Kubernetes find their subnets by these.
        balancers = {
            Zone.PUBLIC: {"kubernetes.io/role/elb": "1"},
            Zone.APPLICATION: {"kubernetes.io/role/internal-elb": "1"},
        }
        return ec2.Subnet(
            place.logical(thing),
            region=place.region,
            vpc_id=self._vpc.id,
            cidr_block=plan.cidr,
            availability_zone=f"{place.region}{plan.letter}",
            map_public_ip_on_launch=False,
            tags=place.tags(thing, _data_of(plan.zone), plan.zone) | balancers.get(plan.zone, {}),
            opts=self.inside(),
        )

    def _make_routes(self, subnets: dict[tuple[Zone, str], ec2.Subnet]) -> dict[Zone, list[ec2.RouteTable]]:
        """Public to the internet gateway, application to a NAT gateway, data to nowhere."""
        place, letters = self._place, self._settings.zones
        gateway = ec2.InternetGateway(
            place.logical("internet"),
            region=place.region,
            vpc_id=self._vpc.id,
            tags=place.tags("internet", Data.OPERATIONAL, Zone.PUBLIC),
            opts=self.inside(),
        )
        public = self._make_table(Zone.PUBLIC, "all", [subnets[Zone.PUBLIC, letter] for letter in letters])
        self._make_route("public-all", public, gateway_id=gateway.id)
        with_nat = letters if self._settings.nat_gateways == "each" else letters[:1]
        nats = {letter: self._make_nat(letter, subnets[Zone.PUBLIC, letter], gateway) for letter in with_nat}
        application = []
        for letter in letters:
            table = self._make_table(Zone.APPLICATION, letter, [subnets[Zone.APPLICATION, letter]])
            nat = nats.get(letter, nats[letters[0]])
            self._make_route(f"application-{letter}", table, nat_gateway_id=nat.id)
            application.append(table)
        data = self._make_table(Zone.DATA, "all", [subnets[Zone.DATA, letter] for letter in letters])
        return {Zone.PUBLIC: [public], Zone.APPLICATION: application, Zone.DATA: [data]}

    def _make_nat(self, letter: str, subnet: ec2.Subnet, gateway: ec2.InternetGateway) -> ec2.NatGateway:
        place = self._place
        # Relays know us by this address: a new one would begin without a reputation.
        address = ec2.Eip(
            place.logical(f"nat-{letter}"),
            region=place.region,
            domain="vpc",
            tags=place.tags(f"nat-{letter}", Data.OPERATIONAL, Zone.PUBLIC),
            opts=self.kept(),
        )
        self.addresses += (address.public_ip,)
        return ec2.NatGateway(
            place.logical(f"nat-{letter}"),
            region=place.region,
            allocation_id=address.id,
            subnet_id=subnet.id,
            tags=place.tags(f"nat-{letter}", Data.OPERATIONAL, Zone.PUBLIC),
            opts=self.inside(after=[gateway]),
        )

    def _make_table(self, zone: Zone, suffix: str, subnets: list[ec2.Subnet]) -> ec2.RouteTable:
        place, thing = self._place, f"{zone.value}-{suffix}"
        table = ec2.RouteTable(
            place.logical(thing),
            region=place.region,
            vpc_id=self._vpc.id,
            tags=place.tags(thing, _data_of(zone), zone),
            opts=self.inside(),
        )
        for number, subnet in enumerate(subnets):
            ec2.RouteTableAssociation(
                place.logical(f"{thing}-{number}"),
                region=place.region,
                subnet_id=subnet.id,
                route_table_id=table.id,
                opts=self.inside(),
            )
        return table

    def _make_route(
        self,
        thing: str,
        table: ec2.RouteTable,
        *,
        gateway_id: pulumi.Output[str] | None = None,
        nat_gateway_id: pulumi.Output[str] | None = None,
    ) -> None:
        ec2.Route(
            self._place.logical(thing),
            region=self._place.region,
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway_id,
            nat_gateway_id=nat_gateway_id,
            opts=self.inside(),
        )

    def _close_data_zone(self) -> None:
        """A second lock beside the security groups: only this network, only what the data zone serves."""
        inward = [(number, port, port) for number, port in enumerate(DATA_PORTS.values())]
        ec2.NetworkAcl(
            self._place.logical("data"),
            region=self._place.region,
            vpc_id=self._vpc.id,
            subnet_ids=list(self.data),
            ingress=[_acl_rule(100 + 10 * number, self.cidr, low, high) for number, low, high in inward]
            # Answers to what databases ask themselves: replication among each other.
            + [_acl_rule(200, self.cidr, *OURS)],
            egress=[_acl_rule(100 + 10 * number, self.cidr, low, high) for number, low, high in inward]
            + [_acl_rule(200, self.cidr, *ANYBODYS)],
            tags=self._place.tags("data", Data.PERSONAL, Zone.DATA),
            opts=self.inside(),
        )


def _acl_rule(number: int, cidr: str, low: int, high: int) -> ec2.NetworkAclIngressArgsDict:
    return {
        "rule_no": number,
        "action": "allow",
        "protocol": "tcp",
        "cidr_block": cidr,
        "from_port": low,
        "to_port": high,
    }


def _data_of(zone: Zone) -> Data:
    return Data.PERSONAL if zone is Zone.DATA else Data.OPERATIONAL
