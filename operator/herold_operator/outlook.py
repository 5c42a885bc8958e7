"""Looking ahead: a day and an hour before a campaign's time a Job looks at everything that could go wrong then.

Which look is due, what is known, and how it is said: pure functions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from herold.resources.resolved import ResolvedCampaign
from herold_operator.conditions import Condition, stamp
from herold_operator.job_trouble import Trouble
from herold_operator.judging import Verdict
from herold_operator.reasons import ConditionType, Reason
from herold_operator.settings import OperatorSettings
from herold_operator.snapshot import LedgerState, RunView
from herold_operator.tasks import TaskView, next_wait

# Before the first message may fall due: time to mend what takes a day, and a last look.
CHECKPOINTS = (timedelta(hours=24), timedelta(hours=1))
_MOST = 4000


@dataclass(frozen=True, slots=True)
class Outlook:
    """What pre-flight knows of a campaign. `digest`: of what is looked at now, empty while nothing is to be looked at.

    `task` was asked for with that digest; `is_due`: it is to be asked for (again). `checkpoint` is the instant of the
    last one, or of the next while there was none; `next_at`: when something of it falls due by itself.
    """

    digest: str = ""
    task: TaskView | None = None
    is_due: bool = False
    checkpoint: datetime | None = None
    next_at: datetime | None = None

    @property
    def findings(self) -> tuple[Mapping[str, str], ...] | None:
        """What it found, also while it looks once more; None while that is not known."""
        return _findings(self.task)


def look_out(
    verdict: Verdict,
    run: RunView | None,
    task: TaskView | None,
    ledger: LedgerState,
    settings: OperatorSettings,
    freezes_at: datetime | None,
) -> Outlook:
    """What is to be looked at, and what is known. Nothing of proofs, of what is wrong, and of what has begun.

    Nobody is asked for the first time once the audience freezes; what was found is looked at again until it begins.
    """
    resolved = verdict.resolved
    if resolved is None or freezes_at is None or ledger.regressed is not None:
        return Outlook()
    if resolved.campaign.spec.mode == "Proof" or (run is not None and not _is_armed(run)):
        return Outlook()
    lead = timedelta(seconds=settings.freeze_lead)
    instants = [freezes_at + lead - before for before in CHECKPOINTS if before > lead]
    last = max((each for each in instants if each <= ledger.now), default=None)
    coming = min((each for each in instants if each > ledger.now), default=None)
    if last is None:
        return Outlook(checkpoint=coming, next_at=coming)
    digest = preflight_digest(verdict.digest, resolved, before=freezes_at + lead - last)
    found = _findings(task)
    is_frozen = (run is not None or ledger.now >= freezes_at) and not found
    if task is None or task.digest != digest:
        return Outlook() if is_frozen else Outlook(digest, None, True, last, coming)
    if task.finished_at is None or found == ():
        return Outlook(digest, task, False, last, coming)
    if found is None:  # it was taken back
        return Outlook() if is_frozen else Outlook(digest, task, True, last, coming)
    again = task.finished_at + next_wait(task, at_most=timedelta(seconds=settings.preflight_again))
    if ledger.now >= again:
        return Outlook(digest, task, True, last, coming)
    return Outlook(digest, task, False, last, min(again, coming or again))


def preflight_digest(intent: str, resolved: ResolvedCampaign, *, before: timedelta) -> str:
    """Of everything that is looked at: what is meant, the sender with its route and rates, and which checkpoint."""
    sender = resolved.sender.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    words = json.dumps([intent, sender, before.total_seconds()], sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()


def build_ahead(outlook: Outlook, trouble: Trouble | None, status: Mapping[str, Any]) -> Condition | None:
    """What would go wrong, for the condition Degraded; `status` is the one before. It has no times of looks in it: the
    same trouble is the same message."""
    if outlook.findings:
        return Condition(Reason.PREFLIGHT_FOUND_TROUBLE, _sentence(outlook.findings))
    if trouble is not None:
        return Condition(trouble.reason, trouble.message)
    if outlook.digest and outlook.findings is None:
        # An edit, or the next checkpoint: what was found holds until it is known whether it still does.
        for each in status.get("conditions", ()):
            if each["type"] == ConditionType.DEGRADED and each["reason"] == Reason.PREFLIGHT_FOUND_TROUBLE:
                return Condition(Reason.PREFLIGHT_FOUND_TROUBLE, each["message"])
    return None


def describe(outlook: Outlook) -> str:
    """When it found nothing, what it could not look at, and when it looks; for the condition Planned."""
    if outlook.findings == () and outlook.task is not None and outlook.task.finished_at is not None:
        coming = f"; the next is at {stamp(outlook.next_at)}" if outlook.next_at is not None else ""
        # A look of the version before says nothing of what it could not see.
        unknown = "".join(f" Not known: {each}." for each in (outlook.task.outcome or {}).get("unknown", ()))
        return f" Pre-flight found nothing at {stamp(outlook.task.finished_at)}{coming}.{unknown}"
    if outlook.findings:
        return " Pre-flight found trouble: see Degraded."
    return f" Pre-flight is due at {stamp(outlook.checkpoint)}." if outlook.checkpoint is not None else ""


def _sentence(findings: tuple[Mapping[str, str], ...]) -> str:
    what = "one thing" if len(findings) == 1 else f"{len(findings)} things"
    listed = " ".join(f"{each['what']}: {each['message']}. To do: {each['hint']}." for each in findings)
    return f"Pre-flight found {what} that would go wrong at its time. {listed}"[:_MOST]


def _findings(task: TaskView | None) -> tuple[Mapping[str, str], ...] | None:
    if task is None or task.outcome is None or "findings" not in task.outcome:
        return None
    return tuple(task.outcome["findings"])


def _is_armed(run: RunView) -> bool:
    return run.is_open and run.started_at is None and run.stopped_at is None
