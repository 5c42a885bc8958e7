"""Tasks of the ledger as the operator sees them, and what is to be done about one: pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from herold_operator.reasons import Reason
from herold_operator.settings import OperatorSettings

# An audience may have grown or shrunk: such a refusal is asked about again, less and less often.
ASK_AGAIN = timedelta(seconds=60)
ASK_AGAIN_AT_MOST = timedelta(minutes=15)
MAY_PASS = (Reason.TOO_MANY_RECIPIENTS, Reason.NOBODY_TO_REACH, Reason.START_REFUSED)
TaskKey = tuple[str, str, str, int]


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task. `turn` grows each time that it is asked for anew; `outcome` may be that of the turn before."""

    id: int
    kind: str
    namespace: str
    name: str
    occurrence: int
    digest: str
    turn: int
    suspended: bool
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    outcome: Mapping[str, Any] | None

    @property
    def key(self) -> TaskKey:
        """(kind, namespace, name as the ledger has it, occurrence)."""
        return self.kind, self.namespace, self.name, self.occurrence

    @property
    def is_pending(self) -> bool:
        """Whether somebody still has to do it, or does it."""
        return self.finished_at is None

    @property
    def run_id(self) -> int | None:
        """The run that it built."""
        run = self.outcome.get("run") if self.outcome is not None and not self.is_pending else None
        return int(run) if run is not None else None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the ledger did not start (or go on with) a run, for this very intent."""

    digest: str
    reason: Reason
    message: str
    at: datetime


def build_refusal(reason: str, message: str, hint: str | None, *, digest: str, at: datetime) -> Refusal:
    """A guard's no; a reason that is not in the catalogue is `StartRefused`."""
    known = Reason(reason) if reason in set(Reason) else Reason.START_REFUSED
    return Refusal(digest, known, f"{reason}: {message}.{f' To do: {hint}.' if hint else ''}", at)


def refusal_of(task: TaskView | None, digest: str) -> Refusal | None:
    """What was said of this very intent, also while it is asked for once more."""
    if task is None or task.digest != digest or task.outcome is None or "refused" not in task.outcome:
        return None
    said = task.outcome["refused"]
    return build_refusal(
        said["reason"], said["message"], said.get("hint"), digest=digest, at=task.finished_at or task.requested_at
    )


def ask_again_at(task: TaskView, refusal: Refusal) -> datetime | None:
    """When a refused start is asked for once more; None for one that stays refused."""
    if task.finished_at is None or refusal.reason not in MAY_PASS:
        return None
    return task.finished_at + next_wait(task, at_most=ASK_AGAIN_AT_MOST)


def next_wait(task: TaskView, *, at_most: timedelta) -> timedelta:
    """From a no to the next question: longer with each turn."""
    return min(at_most, ASK_AGAIN * (1 << min(task.turn - 1, 10)))


def look_at(task: TaskView, settings: OperatorSettings) -> datetime:
    """From when on somebody looks now and then whether its Job is still there."""
    return task.requested_at + timedelta(seconds=settings.task_patience)


def look_seconds(settings: OperatorSettings) -> float:
    """How often it is looked then."""
    return max(0.5, settings.task_patience / 4)


def overdue_at(task: TaskView, settings: OperatorSettings) -> datetime:
    """From when on it is said what stands in its way."""
    if task.started_at is None:
        return look_at(task, settings)
    return task.started_at + timedelta(seconds=settings.build_patience)
