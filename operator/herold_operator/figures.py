"""From what the leader knows to what it exports: pure, but for the memory of since when something has been so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from herold.metrics import Metric, Reading
from herold.resources.meta import Key
from herold_operator import metrics as m
from herold_operator.conditions import stamp
from herold_operator.reasons import ConditionType
from herold_operator.snapshot import HoldView, RunView, Snapshot
from herold_operator.workers import deployment_name

# A run that is over stays in the figures so long: who must look at it has a day to do so.
RECENT = timedelta(days=1)
# A new worker needs some seconds, its image perhaps more, and the lease of one that was killed lasts a while.
UNMANNED_AFTER = 60.0
# States of campaigns that are to get a run.
_BEFORE_A_RUN = ("Scheduled", "Building")
K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Since(Generic[K]):
    """Remembers since when (monotonic seconds) each of some things has been as it is."""

    _known: dict[K, tuple[object, float]] = field(default_factory=dict)

    def longest(self, things: Mapping[K, object], now: float) -> float:
        """How many seconds the one has been so that has been longest; 0 when there is none. Others are forgotten."""
        known: dict[K, tuple[object, float]] = {}
        for key, value in things.items():
            before = self._known.get(key)
            known[key] = before if before is not None and before[0] == value else (value, now)
        self._known = known
        return max((now - at for _, at in known.values()), default=0.0)

    def so_long(self, seconds: float, now: float) -> frozenset[K]:
        """Which have been as they are for so long, as of the last call of `longest`."""
        return frozenset(key for key, (_, at) in self._known.items() if now - at >= seconds)


def moving(snapshot: Snapshot) -> dict[int, tuple[int, ...]]:
    """Counts of the runs of which something can be done now: they should change."""
    runs = (snapshot.by_id.get(run_id) for work in snapshot.backlog for run_id in work.moving)
    return {run.id: _counts(run) for run in runs if run is not None}


def overdue(campaigns: Iterable[tuple[Key, Mapping[str, Any]]], now: datetime, lead: timedelta) -> dict[Key, None]:
    """Campaigns, by their statuses, whose audience should be frozen (`lead` before the first message) and is not."""
    limit = stamp(now + lead)
    found: dict[Key, None] = {}
    for key, status in campaigns:
        # Times of one form: their order is that of the texts.
        if status.get("state") in _BEFORE_A_RUN and "run" not in status and status.get("nextSendTime", "~") < limit:
            found[key] = None
    return found


def out_of_order(statuses: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many campaigns say so, by the reason."""
    found: Counter[str] = Counter()
    for status in statuses:
        for each in status.get("conditions", ()):
            if each["type"] == ConditionType.DEGRADED and each["status"] == "True":
                found[each["reason"]] += 1
    return found


def unmanned(snapshot: Snapshot, standing: Collection[int]) -> frozenset[int]:
    """Those of the runs that stand still whose sender has no worker with a lease."""
    return frozenset(
        run_id
        for work in snapshot.backlog
        if workers_of((work.namespace, work.name), snapshot.vitals.hosts) == 0
        for run_id in work.moving
        if run_id in standing
    )


def build_reading(
    *,
    queue: int,
    away: float,
    states: Mapping[str, int],
    degraded: Mapping[str, int],
    snapshot: Snapshot | None,
    stalled: float,
    late: float,
    wanted: Mapping[tuple[str, str], int],
) -> Reading:
    """What only the leader knows. Without a look at the ledger nothing is said of it."""
    reading: dict[Metric, dict[tuple[str, ...], float]] = {
        m.QUEUE: {(): queue},
        m.AWAY: {(): away},
        m.CAMPAIGNS: {(state,): count for state, count in states.items()},
        m.DEGRADED: {(reason,): count for reason, count in degraded.items()},
        m.WANTED: {("/".join(sender),): count for sender, count in wanted.items()},
    }
    if snapshot is None:
        return reading
    now, vitals = snapshot.ledger.now, snapshot.vitals
    recent = [run for run in snapshot.runs.values() if run.closed_at is None or now - run.closed_at < RECENT]
    holds = [hold for hold in snapshot.holds if holds_something(hold, snapshot)]
    return {
        **reading,
        m.CLOCK: {(): vitals.offset},
        m.RUNS_OPEN: {(): sum(run.is_open for run in recent)},
        m.STALLED: {(): stalled},
        m.LATE: {(): late},
        m.UNCERTAIN: {(): sum(run.uncertain for run in recent)},
        m.REGRESSED: {(): float(snapshot.ledger.regressed is not None)},
        m.HOLDS: {(scope,): count for scope, count in Counter(hold.scope for hold in holds).items()},
        m.HOLD_AGE: {(): max(((now - hold.created_at).total_seconds() for hold in holds), default=0.0)},
        m.LANE_PAUSED: dict.fromkeys(vitals.paused, 1),
        m.DUE: {(f"{work.namespace}/{work.name}",): work.due for work in snapshot.backlog},
        m.WORKERS: {
            (f"{work.namespace}/{work.name}",): workers_of((work.namespace, work.name), vitals.hosts)
            for work in snapshot.backlog
        },
    }


def holds_something(hold: HoldView, snapshot: Snapshot) -> bool:
    """A hold on a campaign outlives its run; then nobody waits for its end."""
    if hold.scope != "Campaign":
        return True
    return any(run.is_open and f"{run.namespace}/{run.name}" == hold.target for run in snapshot.runs.values())


def workers_of(sender: tuple[str, str], hosts: tuple[str, ...]) -> int:
    """How many of these hosts are pods of the sender's Deployment: a pod's name begins with its Deployment's.

    The kubelet cuts a host's name to 63 characters, and a `-` at its end: of a long one only the Deployment's is left.
    """
    begin = f"{deployment_name(*sender)}-"
    return sum(f"{host}-".startswith(begin) for host in hosts)


def _counts(run: RunView) -> tuple[int, ...]:
    return (run.sent, run.failed, run.suppressed, run.skipped, run.uncertain, run.deferred, run.waiting)
