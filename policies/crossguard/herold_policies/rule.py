"""A rule: a pure function over the graph of a stack, and the requirement that it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from herold_policies.graph import Graph, Node


@dataclass(frozen=True)
class Source:
    """Where a requirement is written."""

    document: str
    clause: str

    def __str__(self) -> str:
        return f"{self.document} {self.clause}"


def pci(clause: str) -> Source:
    """A requirement of PCI DSS 4.0.1."""
    return Source("PCI DSS 4.0.1", clause)


def gdpr(clause: str) -> Source:
    """An article of the General Data Protection Regulation."""
    return Source("GDPR", f"Art. {clause}")


def cis(clause: str) -> Source:
    """A recommendation of the CIS AWS Foundations Benchmark 3.0.0."""
    return Source("CIS AWS 3.0.0", clause)


def cis_kubernetes(clause: str) -> Source:
    """A recommendation of the CIS Kubernetes Benchmark 1.10."""
    return Source("CIS Kubernetes 1.10", clause)


def fsbp(control: str) -> Source:
    """A control of AWS Foundational Security Best Practices."""
    return Source("AWS FSBP", control)


@dataclass(frozen=True)
class Violation:
    """What is wrong with one resource, and what to do."""

    node: Node
    text: str


Finder = Callable[[Graph], Iterator[Violation]]


@dataclass(frozen=True)
class Rule:
    """`kinds`: the resources that the rule is about, for the table of compliance."""

    name: str
    title: str
    sources: tuple[Source, ...]
    kinds: tuple[str, ...]
    find: Finder


RULES: dict[str, Rule] = {}


def rule(title: str, *sources: Source, kinds: tuple[str, ...]) -> Callable[[Finder], Finder]:
    """Register a function as a rule; its name, with dashes, is the rule's."""

    def register(find: Finder) -> Finder:
        name = find.__name__.replace("_", "-")
        if name in RULES or not sources:
            raise ValueError(f"rule {name}: is there twice, or has no source")
        RULES[name] = Rule(name, title, sources, kinds, find)
        return find

    return register
