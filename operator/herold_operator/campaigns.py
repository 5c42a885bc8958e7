"""What is known of a campaign at one moment, and when it is to start: pure functions of what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from herold.ledger.intent import Identity
from herold.ledger.times import all_zones, due_bounds
from herold.resources.approving import Approval, Unapproved
from herold.resources.campaign import Schedule
from herold.resources.resolved import PROOF, ResolvedCampaign
from herold.resources.scalars import parse_duration
from herold_operator.annotations import ACTOR
from herold_operator.job_trouble import Trouble
from herold_operator.judging import Verdict
from herold_operator.outlook import Outlook
from herold_operator.snapshot import HoldView, LedgerState, RunView
from herold_operator.tasks import Refusal, TaskView

BY_ABSENCE = f"{ACTOR}: absence"
AT_ONCE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that is known of one campaign at one moment."""

    namespace: str
    name: str  # as the ledger has it: a proof has a name of its own
    generation: int
    occurrence: int
    suspend: bool
    hold: str | None
    stop: str | None
    ordered: RunView | None  # the run of this campaign, of whatever occurrence, that `stop` names
    verdict: Verdict
    run: RunView | None
    task: TaskView | None  # that builds the run
    holds: tuple[HoldView, ...]
    ledger: LedgerState
    refusal: Refusal | None
    frozen_changed: tuple[str, ...]
    starts_at: datetime | None
    status: Mapping[str, Any]
    approval: Approval = None
    unapproved: str = ""  # why, and what to do about it
    unmanned: str | None = None  # the namespace where workers of its run should be, and none is
    trouble: Trouble | None = None  # with the Job of the task
    waits: bool = False  # for its turn
    outlook: Outlook = field(default_factory=Outlook)
    preflight: TaskView | None = None  # that looks ahead, whatever it was asked about
    preflight_trouble: Trouble | None = None  # with its Job

    @property
    def identity(self) -> Identity:
        """Of the run, as the ledger has it."""
        return self.namespace, self.name, self.occurrence

    @property
    def is_building(self) -> bool:
        """Whether its audience is being built, or waits to be."""
        return self.run is None and (self.waits or (self.task is not None and self.task.is_pending))

    @property
    def misses_at(self) -> datetime | None:
        """When a campaign that waits for an approval has waited too long; None for any other."""
        if self.run is not None or self.verdict.resolved is None or not isinstance(self.approval, Unapproved):
            return None
        return latest_start(self.verdict.resolved)

    @property
    def starts_now(self) -> bool:
        """Whether a run is to start."""
        return (
            self.run is None
            and self.verdict.resolved is not None
            and self.ledger.regressed is None
            and not is_held_as_orphan(self.holds)
            and not isinstance(self.approval, Unapproved)
            and self.starts_at is not None
            and self.ledger.now >= self.starts_at
        )


def ledger_name(name: str, spec: Mapping[str, Any]) -> str:
    """The campaign's name in the ledger."""
    return f"{name}{PROOF}" if spec.get("mode") == "Proof" else name


def start_time(resolved: ResolvedCampaign, lead: timedelta) -> datetime:
    """When the audience freezes: `lead` before the first instant at which anybody could be due. A proof at once."""
    if resolved.campaign.spec.mode == "Proof":
        return AT_ONCE
    return first_due(resolved) - lead


def first_due(resolved: ResolvedCampaign) -> datetime:
    """The first instant at which anybody could be due."""
    return _bounds(resolved.campaign.spec.schedule)[0]


def latest_start(resolved: ResolvedCampaign) -> datetime:
    """After this it does not start any more, whoever its audience is."""
    deadline = parse_duration(resolved.campaign.spec.schedule.starting_deadline)
    return _bounds(resolved.campaign.spec.schedule)[1] + deadline


def is_held_as_orphan(holds: tuple[HoldView, ...]) -> bool:
    """Whether a hold stands that was put on because the campaign was gone."""
    return any(each.actor == BY_ABSENCE for each in holds)


@cache
def _zones() -> frozenset[str]:
    """All time zones: reading their names off the disk takes longer than all the rest of a visit."""
    return all_zones()


@lru_cache(maxsize=8192)
def _bounds(schedule: Schedule) -> tuple[datetime, datetime]:
    """The first and the last instant at which anybody could be due: milliseconds, and a campaign is visited often."""
    return due_bounds(schedule, _zones(), known=_zones())
