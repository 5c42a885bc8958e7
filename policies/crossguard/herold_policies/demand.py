"""What a rule may ask of one resource: that a property is said, or said to be just this."""

from __future__ import annotations

from collections.abc import Iterator

from herold_policies.graph import Node
from herold_policies.rule import Violation


def demand(node: Node, **wanted: object) -> Iterator[Violation]:
    """A violation for each property (`a__b` is a.b) that is not exactly this."""
    for path, value in wanted.items():
        path = path.replace("__", ".")
        if node.get(path) != value or type(node.get(path)) is not type(value):
            yield Violation(node, f"must say {path}: {str(value).lower() if isinstance(value, bool) else value}")


def demand_some(node: Node, *paths: str) -> Iterator[Violation]:
    """A violation for each property that is not set."""
    for path in paths:
        if node.get(path) in (None, "", []):
            yield Violation(node, f"must say {path}")
