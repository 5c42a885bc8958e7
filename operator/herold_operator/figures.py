"""From what the leader knows to what it exports: pure, but for the memory of which run stands still since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from herold.metrics import Metric, Reading
from herold_operator import metrics as m
from herold_operator.ledger import HoldView, RunView, Snapshot
from herold_operator.workers import deployment_name

# A run that is over stays in the figures so long: who must look at it has a day to do so.
RECENT = timedelta(days=1)


@dataclass(slots=True)
class Progress:
    """Remembers the counts of runs that should move, and since when (monotonic seconds) they are what they are."""

    _since: dict[int, tuple[tuple[int, ...], float]] = field(default_factory=dict)

    def stalled(self, snapshot: Snapshot, now: float) -> float:
        """How many seconds the run that stands still longest has; 0 when all move. Call it at each look."""
        since: dict[int, tuple[tuple[int, ...], float]] = {}
        for work in snapshot.backlog:
            for run_id in work.moving:
                run = snapshot.by_id.get(run_id)
                if run is None:
                    continue
                counts = _counts(run)
                known = self._since.get(run_id)
                since[run_id] = known if known is not None and known[0] == counts else (counts, now)
        self._since = since
        return max((now - at for _, at in since.values()), default=0.0)


def build_reading(
    *,
    queue: int,
    away: float,
    states: Mapping[str, int],
    snapshot: Snapshot | None,
    stalled: float,
    wanted: Mapping[tuple[str, str], int],
) -> Reading:
    """What only the leader knows. Without a look at the ledger nothing is said of it."""
    reading: dict[Metric, dict[tuple[str, ...], float]] = {
        m.QUEUE: {(): queue},
        m.AWAY: {(): away},
        m.CAMPAIGNS: {(state,): count for state, count in states.items()},
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
