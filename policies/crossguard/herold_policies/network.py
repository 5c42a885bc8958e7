"""Rules for networks: what is public, what the data zone reaches, which ports are open to everybody."""

from __future__ import annotations

from collections.abc import Iterator

from herold_policies.graph import Graph, Node, Unknown
from herold_policies.rule import Violation, cis, fsbp, gdpr, pci, rule

EVERYBODY = ("0.0.0.0/0", "::/0")
EDGE_PORTS = (80, 443)
LEAST_ZONES = 3
WAYS_OUT = ("gatewayId", "natGatewayId", "egressOnlyGatewayId", "transitGatewayId", "networkInterfaceId")


@rule(
    "The data zone has no route out of its network",
    pci("1.4.4"),
    gdpr("32(1)(b)"),
    kinds=("ec2/routeTable:RouteTable", "ec2/route:Route"),
)
def no_route_from_data(graph: Graph) -> Iterator[Violation]:
    """A route of a table that serves, or says that it serves, the data zone."""
    for table in graph.of("ec2/routeTable:RouteTable"):
        if _zone_of(graph, table) != "data":
            continue
        if table.get("routes"):
            yield Violation(table, "has routes inside; the data zone has none")
        for route in graph.pointing("ec2/route:Route", "routeTableId", table):
            if any(route.get(way) is not None for way in WAYS_OUT):
                yield Violation(route, f"leads out of the data zone, by {table.name}; remove it")


def _zone_of(graph: Graph, table: Node) -> str | None:
    """The strictest zone among the table's own tag and the subnets that use it."""
    zones = {table.tag("zone")}
    for association in graph.pointing("ec2/routeTableAssociation:RouteTableAssociation", "routeTableId", table):
        zones |= {subnet.tag("zone") for subnet in graph.behind(association, "subnetId")}
    return "data" if "data" in zones else next(iter(zones - {None}), None)


@rule(
    "Every subnet says its zone, and gives no public addresses by itself",
    pci("1.2.3"),
    fsbp("EC2.15"),
    kinds=("ec2/subnet:Subnet",),
)
def subnets_are_private(graph: Graph) -> Iterator[Violation]:
    """A subnet without a zone, or with public addresses, or where that is left to AWS."""
    for subnet in graph.of("ec2/subnet:Subnet"):
        if subnet.tag("zone") not in {"public", "application", "data"}:
            yield Violation(subnet, "has no tag herold:zone of public, application or data")
        if subnet.get("mapPublicIpOnLaunch") is not False:
            yield Violation(subnet, "must say mapPublicIpOnLaunch: false")


@rule(
    "Only 80 and 443, and only of the edge, are open to everybody",
    pci("1.3.1"),
    cis("5.2"),
    fsbp("EC2.18"),
    kinds=("ec2/securityGroup:SecurityGroup", "vpc/securityGroupIngressRule:SecurityGroupIngressRule"),
)
def closed_to_everybody(graph: Graph) -> Iterator[Violation]:
    """Rules that let everybody in, and rules inside a group, which would undo those beside it."""
    for group in graph.of("ec2/securityGroup:SecurityGroup"):
        if group.get("ingress") or group.get("egress"):
            yield Violation(group, "has rules inside; make each a resource of its own")
    for opening in graph.of("vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        source = opening.get("cidrIpv4") or opening.get("cidrIpv6")
        narrowed = opening.get("referencedSecurityGroupId") or opening.get("prefixListId")
        if source is None and narrowed is None:
            yield Violation(opening, "must say who is let in")
        if not (source in EVERYBODY or isinstance(source, Unknown)):
            continue
        groups = graph.behind(opening, "securityGroupId")
        at_edge = bool(groups) and all(group.tag("zone") == "public" for group in groups)
        ports = (opening.get("fromPort"), opening.get("toPort"))
        if not at_edge or ports[0] != ports[1] or ports[0] not in EDGE_PORTS:
            yield Violation(opening, f"lets everybody in on {ports[0]}-{ports[1]}; only 80 and 443 of the edge may")


@rule(
    "The security group that AWS makes by itself lets nothing through",
    pci("1.2.1"),
    cis("5.4"),
    fsbp("EC2.2"),
    kinds=("ec2/vpc:Vpc", "ec2/defaultSecurityGroup:DefaultSecurityGroup"),
)
def default_group_is_closed(graph: Graph) -> Iterator[Violation]:
    """A network whose default group is not taken over, or is, and has rules."""
    for vpc in graph.of("ec2/vpc:Vpc"):
        groups = graph.pointing("ec2/defaultSecurityGroup:DefaultSecurityGroup", "vpcId", vpc)
        if not groups:
            yield Violation(vpc, "leaves its default security group as AWS made it")
        for group in groups:
            if group.get("ingress") or group.get("egress"):
                yield Violation(group, "must have no rules")


@rule(
    "Who talks to whom is logged in every network",
    pci("10.2.1"),
    cis("3.7"),
    fsbp("EC2.6"),
    kinds=("ec2/vpc:Vpc", "ec2/flowLog:FlowLog"),
)
def networks_are_logged(graph: Graph) -> Iterator[Violation]:
    """A network without a flow log of all traffic."""
    for vpc in graph.of("ec2/vpc:Vpc"):
        logs = graph.pointing("ec2/flowLog:FlowLog", "vpcId", vpc)
        if not any(log.get("trafficType") == "ALL" for log in logs):
            yield Violation(vpc, "has no flow log of trafficType ALL")


@rule(
    "Production stands in three availability zones",
    gdpr("32(1)(b)"),
    kinds=("ec2/subnet:Subnet",),
)
def three_zones(graph: Graph) -> Iterator[Violation]:
    """A network of production that could lose its majority with one building."""
    if not graph.stack.endswith("-prod"):
        return
    for vpc in graph.of("ec2/vpc:Vpc"):
        subnets = graph.pointing("ec2/subnet:Subnet", "vpcId", vpc)
        for zone in ("public", "application", "data"):
            places = {subnet.get("availabilityZone") for subnet in subnets if subnet.tag("zone") == zone}
            if len(places - {None}) < LEAST_ZONES:
                yield Violation(
                    vpc, f"its {zone} zone is in {len(places)} availability zone(s); {LEAST_ZONES} at least"
                )
