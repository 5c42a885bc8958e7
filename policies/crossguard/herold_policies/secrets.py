"""Rules for secrets."""

from __future__ import annotations

from collections.abc import Iterator

from herold_policies.graph import Graph
from herold_policies.rule import Violation, fsbp, pci, rule

SECRET = "secretsmanager/secret:Secret"  # noqa: S105 - a kind of resource
ROTATION = "secretsmanager/secretRotation:SecretRotation"
MOST_DAYS = 90
LEAST_RECOVERY_DAYS = 30


@rule(
    "A secret is encrypted with our key, and deleted by mistake comes back",
    pci("8.3.2"),
    pci("3.6.1"),
    kinds=(SECRET,),
)
def secrets_are_kept(graph: Graph) -> Iterator[Violation]:
    """A secret under AWS's own key, or gone at once."""
    for node in graph.of(SECRET):
        if node.get("kmsKeyId") is None:
            yield Violation(node, "must say kmsKeyId")
        days = node.get("recoveryWindowInDays")
        if not isinstance(days, int) or days < LEAST_RECOVERY_DAYS:
            yield Violation(node, f"must say recoveryWindowInDays: {LEAST_RECOVERY_DAYS}")


@rule(
    "Secrets rotate, or say who changes them",
    pci("8.6.3"),
    fsbp("SecretsManager.1"),
    fsbp("SecretsManager.4"),
    kinds=(SECRET, ROTATION),
)
def secrets_rotate(graph: Graph) -> Iterator[Violation]:
    """A secret without a rotation, unless its tag herold:rotation names the runbook by which people change it."""
    for node in graph.of(SECRET):
        if not graph.pointing(ROTATION, "secretId", node) and not node.tag("rotation"):
            yield Violation(node, "has no SecretRotation, and no tag herold:rotation that names a runbook")
    for node in graph.of(ROTATION):
        days = node.get("rotationRules.automaticallyAfterDays")
        if not isinstance(days, int) or days > MOST_DAYS:
            yield Violation(node, f"must say rotationRules.automaticallyAfterDays, {MOST_DAYS} at most")
