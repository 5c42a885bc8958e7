"""Rules for keys."""

from __future__ import annotations

from collections.abc import Iterator

from herold_policies.graph import Graph
from herold_policies.rule import Violation, cis, fsbp, pci, rule

LEAST_DELETION_DAYS = 30
MOST_ROTATION_DAYS = 365


@rule("Keys rotate every year", pci("3.7.4"), cis("3.6"), fsbp("KMS.4"), kinds=("kms/key:Key",))
def keys_rotate(graph: Graph) -> Iterator[Violation]:
    """A key that AWS does not rotate, or too seldom."""
    for key in graph.of("kms/key:Key"):
        days = key.get("rotationPeriodInDays")
        if key.get("enableKeyRotation") is not True:
            yield Violation(key, "must say enableKeyRotation: true")
        elif not isinstance(days, int) or days > MOST_ROTATION_DAYS:
            yield Violation(key, f"must rotate within {MOST_ROTATION_DAYS} days")


@rule("A key can't be lost by one mistake", pci("3.6.1"), fsbp("KMS.3"), kinds=("kms/key:Key",))
def keys_are_not_lost(graph: Graph) -> Iterator[Violation]:
    """A key that would be gone before anybody noticed."""
    for key in graph.of("kms/key:Key"):
        days = key.get("deletionWindowInDays")
        if not isinstance(days, int) or days < LEAST_DELETION_DAYS:
            yield Violation(key, f"must say deletionWindowInDays: {LEAST_DELETION_DAYS}")


@rule("Every key serves one class of data", pci("3.7.6"), kinds=("kms/key:Key",))
def keys_have_a_class(graph: Graph) -> Iterator[Violation]:
    """A key that says no class, or whose policy is left to AWS, which lets all of the account's identities use it."""
    for key in graph.of("kms/key:Key"):
        if key.tag("data") not in {"operational", "personal", "credential", "archive"}:
            yield Violation(key, "has no tag herold:data")
        if key.get("policy") is None:
            yield Violation(key, "has no policy of its own")
