"""Rules for backups."""

from __future__ import annotations

from collections.abc import Iterator

from herold_policies.graph import Graph
from herold_policies.rule import Violation, fsbp, gdpr, pci, rule

VAULT = "backup/vault:Vault"
LOCK = "backup/vaultLockConfiguration:VaultLockConfiguration"
PLAN = "backup/plan:Plan"
SELECTION = "backup/selection:Selection"
TRIAL = "backup/restoreTestingPlan:RestoreTestingPlan"
TRIED = "backup/restoreTestingSelection:RestoreTestingSelection"
LEAST_DAYS = 7


@rule(
    "Nobody can shorten a backup's life: vaults are locked, and encrypted with our key",
    pci("10.3.3"),
    gdpr("32(1)(c)"),
    fsbp("Backup.1"),
    kinds=(VAULT, LOCK),
)
def backups_are_locked(graph: Graph) -> Iterator[Violation]:
    """A vault without a lock or a key; in production, a lock that an administrator could still take off."""
    for vault in graph.of(VAULT):
        if vault.get("kmsKeyArn") is None:
            yield Violation(vault, "must say kmsKeyArn")
        if vault.get("forceDestroy") is not False:
            yield Violation(vault, "must say forceDestroy: false")
        if not graph.pointing(LOCK, "backupVaultName", vault):
            yield Violation(vault, "has no VaultLockConfiguration")
    for lock in graph.of(LOCK):
        days = lock.get("minRetentionDays")
        if not isinstance(days, int) or days < LEAST_DAYS:
            yield Violation(lock, f"must say minRetentionDays, {LEAST_DAYS} at least")
        if graph.stack.endswith("-prod") and lock.get("changeableForDays") is None:
            yield Violation(lock, "must say changeableForDays: without it an administrator can take the lock off")


@rule(
    "All that holds personal data is backed up every day, in production in another region too",
    gdpr("32(1)(c)"),
    kinds=(VAULT, PLAN, SELECTION),
)
def backups_are_made_and_copied(graph: Graph) -> Iterator[Violation]:
    """A stack without a plan, a plan that selects nothing, or a copy that would burn down with the original."""
    if not list(graph.of(PLAN)):
        yield from (Violation(vault, "stands in a stack without a backup plan") for vault in graph.of(VAULT))
    for plan in graph.of(PLAN):
        chosen = [tag for node in graph.pointing(SELECTION, "planId", plan) for tag in node.get("selectionTags") or ()]
        if not any(tag.get("key") == "herold:data" and tag.get("value") == "personal" for tag in chosen):
            yield Violation(plan, "does not select what has the tag herold:data: personal")
        for item in plan.get("rules") or ():
            targets = [str(copy.get("destinationVaultArn")) for copy in item.get("copyActions") or ()]
            elsewhere = [arn for arn in targets if f":{plan.get('region')}:" not in arn]
            if graph.stack.endswith("-prod") and not elsewhere:
                yield Violation(plan, f"rule {item.get('ruleName')} copies to no other region")


@rule(
    "A restore is tried regularly",
    gdpr("32(1)(d)"),
    pci("12.10.2"),
    kinds=(PLAN, TRIAL, TRIED),
)
def restores_are_tried(graph: Graph) -> Iterator[Violation]:
    """Backups that nobody has ever restored."""
    trials = [node for node in graph.of(TRIAL) if graph.pointing(TRIED, "restoreTestingPlanName", node)]
    if not trials:
        yield from (
            Violation(plan, "has no restore testing plan with a selection beside it") for plan in graph.of(PLAN)
        )
