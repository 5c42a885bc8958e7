"""What a picture of a stack inside of a cluster shows: its parts, and who is let in to them from other namespaces.

Read from NetworkPolicies, as the API server takes them. What members of one part say to each other, and what they ask
of the cluster itself (names, its API), is not drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from local.engine.picture import Band, Link, Part, Picture, Region, order
from local.engine.recording import Recorded

from herold_policies.graph import Node

POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
MEMBERS = "kubernetes:apps/v1:StatefulSet"
ASKS = "clients"
NAME, NAMESPACE = "app.kubernetes.io/name", "kubernetes.io/metadata.name"


def read_cluster_picture(recorded: Recorded) -> Picture:
    """The picture: who asks above, who answers below."""
    nodes, stack = recorded.graph.nodes, recorded.graph.stack
    members = {recorded.parents[node.urn]: int(node.get("spec.replicas")) for node in nodes if node.kind == MEMBERS}
    parts: dict[str, Part] = {}
    links: dict[tuple[Part, Part], set[int]] = defaultdict(set)
    for policy in (node for node in nodes if node.kind == POLICY):
        owner = recorded.parents[policy.urn]
        if owner not in members:
            continue
        fact = f"{members[owner]} member{'s' * (members[owner] > 1)}"
        name, here = _called(_labels(policy, "spec.podSelector")), str(policy.get("metadata.namespace"))
        parts[owner] = Part(stack, name, here, fact)
        for opening in policy.get("spec.ingress") or ():
            for peer in opening.get("from") or ():
                where = (peer.get("namespaceSelector") or {}).get("matchLabels", {}).get(NAMESPACE)
                if where:
                    client = Part(stack, _called(peer.get("podSelector", {}).get("matchLabels", {})), ASKS, str(where))
                    links[client, parts[owner]] |= {int(port["port"]) for port in opening.get("ports") or ()}
    clients = {client for client, _ in links}
    homes = sorted({part.zone for part in parts.values()})
    return Picture(
        stack,
        (Band(ASKS, "who is let in, and from which namespace"), *(Band(zone, f"namespace {zone}") for zone in homes)),
        (Region(stack, stack, "cluster"),),
        tuple(sorted({*clients, *parts.values()}, key=order)),
        tuple(
            Link(*ends, ", ".join(map(str, sorted(ports))))
            for ends, ports in sorted(links.items(), key=lambda item: (order(item[0][0]), order(item[0][1])))
        ),
    )


def _labels(node: Node, path: str) -> Mapping[str, Any]:
    labels = node.get(f"{path}.matchLabels")
    return labels if isinstance(labels, Mapping) else {}


def _called(labels: Mapping[str, Any]) -> str:
    """What pods with these labels are called: by their name where they have one."""
    if NAME in labels:
        return str(labels[NAME])
    return ", ".join(f"{key.rpartition('/')[2]}: {value}" for key, value in sorted(labels.items())) or "any pod"
