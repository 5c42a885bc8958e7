"""A stack as the rules see it: what each resource was declared with, and which resources its properties come from.

Rules look at inputs, never at outputs: in the outputs of a preview, what was left unset can't be told from what only
AWS will know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


class Unknown:
    """The value of a property that only an update gives."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()


def qualify(kind: str) -> str:
    """The type token of a kind as the rules write it."""
    return kind if kind.count(":") > 1 else f"aws:{kind}"


@dataclass(frozen=True)
class Node:
    """One resource. `kind` is its type token; `links` are the URNs that a property's value comes from."""

    kind: str
    name: str
    urn: str
    inputs: Mapping[str, Any]
    protect: bool = False
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        """The value at a path such as `a.b`; None where nothing is set. A list on the way stands for its only item."""
        value: Any = self.inputs
        for part in path.split("."):
            if isinstance(value, list) and len(value) == 1:
                value = value[0]
            if isinstance(value, Unknown):
                return value
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def tag(self, key: str) -> str | None:
        """The value of a tag of ours, `herold:<key>`."""
        tags = self.inputs.get("tags")
        value = tags.get(f"herold:{key}") if isinstance(tags, Mapping) else None
        return value if isinstance(value, str) else None


@dataclass(frozen=True)
class Graph:
    """All resources of a stack."""

    stack: str
    nodes: tuple[Node, ...]

    def of(self, *kinds: str) -> Iterator[Node]:
        """The resources of these kinds: `rds/cluster:Cluster` on AWS, others by their whole type token."""
        wanted = {qualify(kind) for kind in kinds}
        return (node for node in self.nodes if node.kind in wanted)

    def behind(self, node: Node, prop: str) -> list[Node]:
        """The resources that a property's value comes from."""
        urns = node.links.get(prop, ())
        return [other for other in self.nodes if other.urn in urns]

    def pointing(self, kind: str, prop: str, target: Node) -> list[Node]:
        """The resources of a kind whose property comes from the target."""
        return [node for node in self.of(kind) if target.urn in node.links.get(prop, ())]
