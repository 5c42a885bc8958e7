"""Whether a branch may be merged, campaign by campaign: fine, with a second person's approval, or not at all.

What can't do harm never stands in the way: a deletion, a suspension, and a return to what was there before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum

from herold.planning.approving import Decision, Wanted, decide
from herold.planning.branch import Branch, CampaignChange
from herold.planning.plan import Violation
from herold.planning.telling import Told
from herold.policies import Denial

# A run exists: what is edited now is not obeyed any more, or comes too late.
_RUN_EXISTS = frozenset({"AlreadyRan", "AlreadyStarted", "OccurrenceWentBack"})
_MANY, _MANY_SHARE = 5, 0.2  # as the operator takes a deletion for an accident


class Verdict(IntEnum):
    """In the order of what it takes to merge."""

    FINE = 0
    NEEDS_APPROVAL = 1
    REFUSED = 2

    @property
    def words(self) -> str:
        """As people read it."""
        return ("Fine", "Needs approval", "Refused")[self]


@dataclass(frozen=True, slots=True)
class Entry:
    """One campaign. `notes`: why the verdict is what it is, errors first. `told`: its plan, if it has one.

    `wanted`: the approval that is missing.
    """

    change: CampaignChange
    verdict: Verdict
    notes: tuple[Violation, ...]
    told: Told | None
    wanted: Wanted | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """`entries`: what is most in need of a look first. `notes` are about the branch as a whole.

    `counted`: environments whose people were counted.
    """

    branch: Branch
    entries: tuple[Entry, ...]
    notes: tuple[Violation, ...]
    verdict: Verdict
    counted: tuple[str, ...]
    made_at: datetime


Plans = Callable[[CampaignChange], Told | None]


def review_branch(
    branch: Branch,
    *,
    plans: Plans,
    approval_above: Mapping[str, int],
    open_runs: Mapping[tuple[str, str], str],
    counted: tuple[str, ...],
    now: datetime,
) -> Review:
    """`plans` tells the plan of a change; `approval_above`: by environment, from the platform's parameters.

    `open_runs`: by (environment, campaign), how the run stands that a deletion would pause.
    """
    entries = [
        _entry(change, plans(change), decide(change, approval_above.get(change.environment), now), open_runs, counted)
        for change in branch.changes
    ]
    notes = tuple(_notes(branch))
    refused = branch.mistakes or any(each.denials for each in branch.others)
    verdict = max((Verdict.REFUSED if refused else Verdict.FINE, *(entry.verdict for entry in entries)))
    order = ("Broken", "Added", "Edited", "Affected", "Deleted")
    entries.sort(key=lambda entry: (-entry.verdict, order.index(entry.change.what)))  # stable: then as they came
    return Review(branch, tuple(entries), notes, verdict, counted, now)


def _entry(
    change: CampaignChange,
    told: Told | None,
    approval: Decision,
    open_runs: Mapping[tuple[str, str], str],
    counted: tuple[str, ...],
) -> Entry:
    if change.what == "Broken":
        note = Violation(
            "error", "Mistaken", "It has mistakes, or names something that has.", "Mend what is named above."
        )
        return Entry(change, Verdict.REFUSED, (note,), None)
    if change.what == "Deleted":
        run = open_runs.get((change.environment, change.name))
        return Entry(change, Verdict.FINE, (_deleted(run, counted=change.environment in counted),), None)
    notes = [_denied(denial, "error") for denial in change.denials]
    notes += [_denied(denial, "warning") for denial in change.later]
    planned: tuple[Violation, ...] = told.violations if told is not None else ()
    if told is not None:
        planned = tuple(
            each if _counts(each, change, planned) else replace(each, severity="warning") for each in planned
        )
        told = replace(told, violations=())
    notes += planned
    if approval.note is not None:
        notes.append(approval.note)
    verdict = Verdict.NEEDS_APPROVAL if approval.wanted is not None else Verdict.FINE
    if any(note.severity == "error" for note in notes):
        verdict = Verdict.REFUSED
    notes.sort(key=lambda note: note.severity != "error")
    return Entry(change, verdict, tuple(notes), told, approval.wanted)


def _counts(violation: Violation, change: CampaignChange, all_: tuple[Violation, ...]) -> bool:
    """Whether an error of the plan refuses the change: not where nothing goes out, nor what was so before."""
    assert change.after is not None
    spec = change.after.campaign.spec
    if spec.suspend or change.returned or any(each.reason in _RUN_EXISTS for each in all_):
        return False
    if violation.reason == "StartMissed":
        return change.before is None or change.before.campaign.spec.schedule != spec.schedule
    return True


def _deleted(run: str | None, *, counted: bool) -> Violation:
    if run is not None:
        fix = "If it is to end for good: herold stop. Added again as it was, it goes on."
        return Violation("warning", "PausesRun", f"It runs, and the deletion pauses it: {run}.", fix)
    known = "It does not run." if counted else "If it runs, the deletion pauses it."
    return Violation("warning", "Deleted", known, "Nobody gets it any more; its report stays.")


def _denied(denial: Denial, severity: str) -> Violation:
    remedy = f"{denial.remedy}." if denial.remedy else "Ask the platform."
    if severity == "error":
        return Violation("error", denial.policy, f"{'.'.join(denial.path)}: {denial.problem}.", remedy)
    words = f"When it is no longer suspended: {'.'.join(denial.path)}: {denial.problem}."
    return Violation("warning", denial.policy, words, remedy)


def _notes(branch: Branch) -> list[Violation]:
    found = []
    for environment, count in branch.campaigns.items():
        gone = sum(1 for each in branch.changes if each.what == "Deleted" and each.environment == environment)
        if gone >= _MANY and gone >= _MANY_SHARE * count:
            found.append(
                Violation(
                    "warning",
                    "MassDeletion",
                    f"{gone} of {count} campaigns of {environment} vanish at once: the operator takes that for an "
                    "accident, and holds them all.",
                    "Is it meant? Then say so to those who operate it.",
                )
            )
    for each in branch.others:
        for denial in each.denials:
            note = _denied(denial, "error")
            found.append(replace(note, message=f"{each.kind} {each.name} ({each.environment}): {note.message}"))
        if each.idle:
            found.append(
                Violation(
                    "warning",
                    "ApprovesNothing",
                    f"{each.kind} {each.name} ({each.environment}) approves nothing: {each.idle}.",
                    "`herold approve NAMESPACE/CAMPAIGN` writes one for what stands in the files.",
                )
            )
    if branch.old_mistakes:
        found.append(
            Violation(
                "warning",
                "OldMistakes",
                f"{branch.old_mistakes} mistakes were in these files before, and still are.",
                "They don't count here; see: herold validate.",
            )
        )
    return found
