"""Rules for logs."""

from __future__ import annotations

from collections.abc import Iterator

from herold_policies.graph import Graph
from herold_policies.rule import Violation, fsbp, gdpr, pci, rule

LEAST_DAYS = 365


@rule(
    "Logs are kept for a year, encrypted with our key, and not for ever",
    pci("10.5.1"),
    gdpr("5(1)(e)"),
    fsbp("CloudWatch.16"),
    kinds=("cloudwatch/logGroup:LogGroup",),
)
def logs_are_kept(graph: Graph) -> Iterator[Violation]:
    """A log group that forgets too early, never, or lies open."""
    for group in graph.of("cloudwatch/logGroup:LogGroup"):
        days = group.get("retentionInDays")
        # 0 and unset mean for ever.
        if not isinstance(days, int) or days < LEAST_DAYS:
            yield Violation(group, f"must say retentionInDays, {LEAST_DAYS} at least")
        if group.get("kmsKeyId") is None:
            yield Violation(group, "must say kmsKeyId")
