"""The rules as a policy pack of CrossGuard.

The engine shows a resource's inputs when it is registered and the whole stack at the end. The pack remembers the first,
so that every rule sees one graph of inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from herold_policies.catalogue import all_rules
from herold_policies.graph import UNKNOWN, Graph, Node
from herold_policies.rule import Rule

PACK = "herold"


class Seen:
    """The resources that the engine has shown so far."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}

    def remember(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        """Keep a resource's inputs."""
        node = Node(args.resource_type, args.name, args.urn, plain(args.props), bool(args.opts.protect))
        self._nodes[args.urn] = node

    def graph(self, args: StackValidationArgs) -> Graph:
        """The whole stack: inputs from before, links from now."""
        nodes = []
        for resource in args.resources:
            node = self._nodes.get(resource.urn)
            if node is not None:
                links = {
                    prop: tuple(other.urn for other in others)
                    for prop, others in resource.property_dependencies.items()
                }
                nodes.append(Node(node.kind, node.name, node.urn, node.inputs, node.protect, links))
        return Graph(nodes[0].urn.split(":")[2] if nodes else "", tuple(nodes))


def plain(value: Any) -> Any:
    """The engine's proxies as plain values; what it would raise for as unknown becomes UNKNOWN."""
    if isinstance(value, Mapping):
        return {key: _read(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_read(value, number) for number in range(len(value))]
    # The wire knows doubles only.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _read(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def build_pack() -> PolicyPack:
    """The pack. Constructing it serves it, so only the plugin's process does."""
    seen = Seen()
    collector = ResourceValidationPolicy(
        name="inputs", description="Remembers what was declared; refuses nothing.", validate=seen.remember
    )
    policies: list[Policy] = [collector, *(_policy(rule, seen) for rule in all_rules())]
    return PolicyPack(name=PACK, enforcement_level=EnforcementLevel.MANDATORY, policies=policies)


def _policy(rule: Rule, seen: Seen) -> StackValidationPolicy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for violation in rule.find(seen.graph(args)):
            report(f"{violation.node.name}: {violation.text}", violation.node.urn)

    sources = "; ".join(map(str, rule.sources))
    return StackValidationPolicy(name=rule.name, description=f"{rule.title} ({sources})", validate=validate)
