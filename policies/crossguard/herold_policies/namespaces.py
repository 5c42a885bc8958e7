"""Rules for namespaces, and for what holds data inside a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from herold_policies.graph import Graph, Node
from herold_policies.rule import Violation, cis_kubernetes, gdpr, pci, rule

NAMESPACE = "kubernetes:core/v1:Namespace"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
STANDARD = "pod-security.kubernetes.io/enforce"
# What holds something that can't be made again from its declaration.
STATEFUL = (
    NAMESPACE,
    "kubernetes:core/v1:Secret",
    "kubernetes:core/v1:PersistentVolume",
    "kubernetes:core/v1:PersistentVolumeClaim",
    "kubernetes:apps/v1:StatefulSet",
    "random:index/randomPassword:RandomPassword",
)


@rule(
    "Nothing goes into a namespace or out of it that no policy names",
    cis_kubernetes("5.3.2"),
    pci("1.3.1"),
    pci("1.3.2"),
    kinds=(NAMESPACE, NETWORK_POLICY),
)
def namespaces_are_closed(graph: Graph) -> Iterator[Violation]:
    """A namespace without a policy that closes all its pods, both ways: without one everybody reaches everything."""
    closed = {node.get("metadata.namespace") for node in graph.of(NETWORK_POLICY) if _closes(node)}
    for node in graph.of(NAMESPACE):
        if node.get("metadata.name") not in closed:
            yield Violation(node, "must have a NetworkPolicy for all its pods that lets nothing in and nothing out")


@rule(
    "The API server itself refuses pods in a namespace that are not restricted",
    cis_kubernetes("5.2.1"),
    pci("2.2.6"),
    kinds=(NAMESPACE,),
)
def namespaces_are_restricted(graph: Graph) -> Iterator[Violation]:
    """A namespace that takes any pod, whoever brings it."""
    for node in graph.of(NAMESPACE):
        labels = node.get("metadata.labels")
        if not isinstance(labels, Mapping) or labels.get(STANDARD) != "restricted":
            yield Violation(node, f"must have the label {STANDARD}: restricted")


@rule(
    "What holds data inside a cluster is protected from being destroyed or replaced",
    gdpr("32(1)(c)"),
    kinds=STATEFUL,
)
def cluster_data_is_protected(graph: Graph) -> Iterator[Violation]:
    """A resource whose content a destroy, or a replacement, would take away."""
    for node in graph.of(*STATEFUL):
        if not node.protect:
            yield Violation(node, "must be protected (`kept()` of its component)")


def _closes(node: Node) -> bool:
    kinds = node.get("spec.policyTypes")
    both = isinstance(kinds, list) and {"Ingress", "Egress"} <= set(map(str, kinds))
    lets = node.get("spec.ingress") or node.get("spec.egress")
    return both and node.get("spec.podSelector") == {} and not lets
