"""What a picture of a stack shows, read from its graph: parts by region and zone, and who reaches whom.

A part is a component with what is nested in it. That one reaches another is read from the rules of security groups, so
a line of the picture is a way that is open; other lines say that one is made with something of the other. Keys and
networks are behind nearly every part, and no line says so.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from local.engine.recording import Recorded

from herold_policies.graph import Graph, Node

RULES = ("vpc/securityGroupIngressRule:SecurityGroupIngressRule", "vpc/securityGroupEgressRule:SecurityGroupEgressRule")
RECORD = "route53/record:Record"
EVERYBODY = "0.0.0.0/0"
OUTSIDE, SERVICES = "internet", ""
BEHIND_ALL = ("keys", "network")
ROLES = {"PRIMARY": "active", "SECONDARY": "standby"}
# What is worth a line in a part's box: of which kind, and how it is said. `{a.b}` is a property.
FACTS: dict[str, tuple[tuple[str, str], ...]] = {
    "cluster": (("eks/cluster:Cluster", "Kubernetes {version}"), ("eks/nodeGroup:NodeGroup", "{nodeGroupName}")),
    "database": (("rds/clusterInstance:ClusterInstance", "{instanceClass}"),),
    "cache": (("elasticache/replicationGroup:ReplicationGroup", "{numCacheClusters} x {nodeType}"),),
    "queue": (("mq/broker:Broker", "{hostInstanceType}"),),
    "log-store": (("opensearch/domain:Domain", "{clusterConfig.instanceCount} x {clusterConfig.instanceType}"),),
    "vpn": (("ec2clientvpn/endpoint:Endpoint", "people {clientCidrBlock}"),),
    "dashboards": (("grafana/workspace:Workspace", "Grafana {grafanaVersion}"),),
    "metrics": (("amp/workspaceConfiguration:WorkspaceConfiguration", "{retentionPeriodInDays} days"),),
    "heartbeat": (("scheduler/schedule:Schedule", "{scheduleExpression}"),),
    "spending": (("budgets/budget:Budget", "{limitAmount} {limitUnit} a month"),),
    "mail": (("sesv2/emailIdentity:EmailIdentity", "{emailIdentity}"),),
    "sms": (("pinpoint/smsvoicev2PhoneNumber:Smsvoicev2PhoneNumber", "{isoCountryCode} {numberType}"),),
}


@dataclass(frozen=True)
class Part:
    """A box: its name without the region, its zone (SERVICES: in no network), and what else it says."""

    region: str
    name: str
    zone: str
    fact: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """The text in it."""
        return (self.name, self.fact) if self.fact else (self.name,)


@dataclass(frozen=True)
class Link:
    """A line. `label`: the ports that are open; none where one is only made with something of the other."""

    source: Part
    target: Part
    label: str = ""


@dataclass(frozen=True)
class Region:
    """`title` has its name and what it is for; `network` says what the frame around its bands is."""

    name: str
    title: str
    network: str


@dataclass(frozen=True)
class Band:
    """Parts of one zone, drawn side by side. Without a `title` it has no frame, and is outside of the network's."""

    zone: str
    title: str = ""


BANDS = (Band(OUTSIDE), *(Band(zone, f"{zone} zone") for zone in ("public", "application", "data")))


@dataclass(frozen=True)
class Picture:
    """Regions in the order in which they are drawn, the active one first; what belongs to none has the region ''.

    `bands`: of each region, from top to bottom.
    """

    stack: str
    bands: tuple[Band, ...]
    regions: tuple[Region, ...]
    parts: tuple[Part, ...]
    links: tuple[Link, ...]

    def of(self, region: str, zone: str) -> tuple[Part, ...]:
        """The parts in one place, by name."""
        return tuple(part for part in self.parts if (part.region, part.zone) == (region, zone))


def read_picture(recorded: Recorded) -> Picture:
    """The picture of a recorded stack."""
    graph = recorded.graph
    members: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        members[_root(recorded, node)].append(node)
    regions = _regions(graph)
    parts = {
        root: part
        for root, nodes in members.items()
        if (part := _part(root, nodes, [region.name for region in regions])).name not in BEHIND_ALL
    }
    owners = {node.urn: parts[root] for root, nodes in members.items() if root in parts for node in nodes}
    links, outside = _ways(graph, owners)
    reached = {(link.source, link.target) for link in links}
    links |= {
        Link(source, target)
        for source, target in _made_with(graph, owners)
        if not {(source, target), (target, source)} & reached
    }
    return Picture(
        graph.stack,
        BANDS,
        regions,
        tuple(sorted({*parts.values(), *outside}, key=order)),
        tuple(sorted(links, key=lambda link: (order(link.source), order(link.target)))),
    )


def order(part: Part) -> tuple[str, str, str]:
    """For lists that are the same each time."""
    return part.region, part.zone, part.name


def _root(recorded: Recorded, node: Node) -> str:
    """The outermost component that a resource is in: the nodes of a cluster are drawn as the cluster."""
    urn = recorded.parents[node.urn]
    while "herold:aws:" in recorded.parents.get(urn, ""):
        urn = recorded.parents[urn]
    return urn


def _regions(graph: Graph) -> tuple[Region, ...]:
    found = []
    for vpc in graph.of("ec2/vpc:Vpc"):
        name = str(vpc.get("region"))
        policies = {
            str(record.get("failoverRoutingPolicies.type"))
            for record in graph.of(RECORD)
            if record.name.startswith(f"{name}-") and record.get("failoverRoutingPolicies")
        }
        role = ROLES[policies.pop()] if len(policies) == 1 else ""
        found.append(Region(name, f"{name}, {role}" if role else name, f"network {vpc.get('cidrBlock')}"))
    return tuple(sorted(found, key=lambda region: ("active" not in region.title, region.name)))


def _part(root: str, nodes: list[Node], regions: Iterable[str]) -> Part:
    whole = root.rpartition("::")[2]
    region = next((name for name in regions if whole.startswith(f"{name}-")), "")
    name = whole.removeprefix(f"{region}-")
    zones = Counter(zone for node in nodes if (zone := node.tag("zone")))
    return Part(region, name, min(zones, key=lambda zone: (-zones[zone], zone), default=SERVICES), _fact(name, nodes))


def _fact(name: str, nodes: list[Node]) -> str:
    """Such as `3 x db.r7g.large`."""
    said = []
    for kind, words in FACTS.get(name, ()):
        values = [_said(words, node) for node in nodes if node.kind == f"aws:{kind}"]
        said += [f"{count} x {value}" if count > 1 else value for value, count in sorted(Counter(values).items())]
    return ", ".join(said)


def _said(words: str, node: Node) -> str:
    return re.sub(r"\{([\w.]+)\}", lambda found: str(node.get(found[1])), words)


def _ways(graph: Graph, owners: dict[str, Part]) -> tuple[set[Link], set[Part]]:
    """Which part may open a connection to which other one, and at which ports."""
    ports: dict[tuple[Part, Part], set[int]] = defaultdict(set)
    outside: set[Part] = set()
    for rule in graph.of(*RULES):
        mine = [owners[urn] for urn in rule.links.get("securityGroupId", ()) if urn in owners]
        theirs = [owners[urn] for urn in rule.links.get("referencedSecurityGroupId", ()) if urn in owners]
        incoming = rule.kind.endswith("IngressRule")
        if incoming and rule.get("cidrIpv4") == EVERYBODY:
            theirs = [Part(part.region, OUTSIDE, OUTSIDE) for part in mine]
            outside |= set(theirs)
        sources, targets = (theirs, mine) if incoming else (mine, theirs)
        for source, target in ((source, target) for source in sources for target in targets if source != target):
            ports[source, target].add(int(rule.get("toPort")))
    return {Link(*ends, ", ".join(map(str, sorted(open_)))) for ends, open_ in ports.items()}, outside


def _made_with(graph: Graph, owners: dict[str, Part]) -> set[tuple[Part, Part]]:
    """Which part has something of which other one in its declaration."""
    return {
        (owners[node.urn], owners[urn])
        for node in graph.nodes
        if node.urn in owners and node.kind.removeprefix("aws:") not in RULES
        for urns in node.links.values()
        for urn in urns
        if urn in owners and owners[urn] != owners[node.urn]
    }
