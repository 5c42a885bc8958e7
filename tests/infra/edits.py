"""Breaking a recorded stack: one resource changed, taken away or added, the rest as it is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from herold_policies.graph import Graph, Node, qualify

Edit = Callable[[Graph], tuple[Graph, str]]


def _first(graph: Graph, kind: str, name: str) -> Node:
    found = next((node for node in graph.of(kind) if name in node.name), None)
    assert found is not None, f"the stack has no {kind} with {name!r} in its name: the test breaks nothing"
    return found


def _instead(graph: Graph, node: Node) -> tuple[Graph, str]:
    nodes = tuple(node if other.urn == node.urn else other for other in graph.nodes)
    return replace(graph, nodes=nodes), node.name


def unset(kind: str, path: str, name: str = "", *, blamed: str | None = None, whose: str | None = None) -> Edit:
    """Without a property, as if nobody had written it. `a[0].b` goes into lists. `blamed`, `whose`: as with `put`."""

    def edit(graph: Graph) -> tuple[Graph, str]:
        node = _first(graph, kind, name)
        inputs = copy.deepcopy(dict(node.inputs))
        *way, last = _keys(path)
        place: Any = inputs
        for key in way:
            place = place[key]
        del place[last]
        broken, own = _instead(graph, replace(node, inputs=inputs))
        return broken, _first(graph, blamed, name if whose is None else whose).name if blamed else own

    return edit


def put(
    kind: str, path: str, value: Any, name: str = "", *, blamed: str | None = None, whose: str | None = None
) -> Edit:
    """With another value. `blamed`: the kind of the resource that is at fault then, where it is not this one.

    `whose`: a part of its name, where that is not `name` too.
    """

    def edit(graph: Graph) -> tuple[Graph, str]:
        node = _first(graph, kind, name)
        inputs = copy.deepcopy(dict(node.inputs))
        *way, last = _keys(path)
        place: Any = inputs
        for key in way:
            place = place[key]
        place[last] = value
        broken, own = _instead(graph, replace(node, inputs=inputs))
        return broken, _first(graph, blamed, name if whose is None else whose).name if blamed else own

    return edit


def unprotect(kind: str, name: str = "") -> Edit:
    """Without protection."""

    def edit(graph: Graph) -> tuple[Graph, str]:
        return _instead(graph, replace(_first(graph, kind, name), protect=False))

    return edit


def without(kind: str, blamed: str, name: str = "", *, whose: str = "") -> Edit:
    """Without all resources of a kind. `blamed`: the kind of what lacks them; `whose`: a part of its name."""

    def edit(graph: Graph) -> tuple[Graph, str]:
        _first(graph, kind, name)
        nodes = tuple(node for node in graph.nodes if node.kind != qualify(kind) or name not in node.name)
        return replace(graph, nodes=nodes), _first(graph, blamed, whose).name

    return edit


@dataclass(frozen=True)
class Added:
    """A resource more; `links` names other resources by kind and name."""

    kind: str
    inputs: dict[str, Any]
    links: dict[str, tuple[str, str]]

    def __call__(self, graph: Graph) -> tuple[Graph, str]:
        links = {prop: (_first(graph, kind, name).urn,) for prop, (kind, name) in self.links.items()}
        node = Node(qualify(self.kind), "added", "urn:added", self.inputs, links=links)
        return replace(graph, nodes=(*graph.nodes, node)), "added"


def _keys(path: str) -> list[str | int]:
    keys: list[str | int] = []
    for part in path.split("."):
        word, _, number = part.partition("[")
        keys += [word] if not number else [word, int(number.rstrip("]"))]
    return keys
