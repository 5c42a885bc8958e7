"""What the operator saw in the ledger, at one moment and for all campaigns: values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from herold_operator.tasks import TaskKey, TaskView
from herold_operator.vitals import Vitals

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunView:
    """One run with its counts."""

    id: int
    namespace: str
    name: str
    occurrence: int
    state: str
    suspended: bool
    stopped_at: datetime | None
    intent_digest: str
    created_at: datetime
    started_at: datetime | None
    closed_at: datetime | None
    start_by: datetime
    left_out: Mapping[str, int]
    planned: int
    sent: int
    deferred: int
    failed: int
    suppressed: int
    skipped: int
    uncertain: int
    waiting: int
    next_due_at: datetime | None
    sender: str

    @property
    def is_open(self) -> bool:
        """Whether anything of it may still happen."""
        return self.state == "Open"


@dataclass(frozen=True, slots=True)
class HoldView:
    """An active brake."""

    id: int
    scope: str
    target: str
    reason: str
    actor: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a sender's workers have to do now."""

    namespace: str
    name: str
    due: int
    chores: bool
    moving: tuple[int, ...] = ()  # runs of which something can be done now, so that their counts should change


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The ledger itself."""

    now: datetime
    system: str
    timeline: int
    regressed: str | None
    accepted_at: datetime | None

    @property
    def accepted(self) -> int:
        """The same as the fence counts it: microseconds since 1970, 0 for never."""
        return 0 if self.accepted_at is None else (self.accepted_at - EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look. `runs` by (namespace, name as the ledger has it, occurrence)."""

    ledger: LedgerState
    runs: Mapping[tuple[str, str, int], RunView]
    by_id: Mapping[int, RunView]
    holds: tuple[HoldView, ...]
    backlog: tuple[Backlog, ...]
    vitals: Vitals
    tasks: Mapping[TaskKey, TaskView]
    forgot: str | None = None  # why it must have gone backwards since it was mirrored

    def holds_on(self, namespace: str, name: str, sender: str | None) -> tuple[HoldView, ...]:
        """Brakes that hold this campaign."""
        return tuple(
            each
            for each in self.holds
            if each.scope == "Everything"
            or (each.scope == "Team" and each.target == namespace)
            or (each.scope == "Campaign" and each.target == f"{namespace}/{name}")
            or (each.scope == "Sender" and sender is not None and each.target == sender)
        )
