"""Which brakes of a campaign are to be put on and off: what its annotations and its spec say, or that it is gone."""

from __future__ import annotations

from dataclasses import dataclass

from herold.ledger.intent import Identity
from herold_operator.annotations import BY_ANNOTATION, hold_reason, stop_order
from herold_operator.campaigns import BY_ABSENCE, Seen
from herold_operator.snapshot import HoldView, RunView

ORPHANED = "Orphaned: the Campaign was deleted"
VANISHED = "MassDeletion: the Campaign vanished together with many others"


@dataclass(frozen=True, slots=True)
class Brakes:
    """Changes of brakes. `hold`: reasons by actor to put on; `release`: ids; `suspend`: the run's flag; `suspend_task`:
    that of a run that is being built; `stop`: the run that is to end for good, and why."""

    hold: tuple[tuple[str, str], ...] = ()
    release: tuple[int, ...] = ()
    suspend: bool | None = None
    suspend_task: tuple[Identity, bool] | None = None
    stop: tuple[int, str] | None = None

    @property
    def any(self) -> bool:
        """Whether anything changes."""
        return any((self.hold, self.release, self.suspend is not None, self.suspend_task, self.stop))


def plan_brakes(seen: Seen) -> Brakes:
    """Brakes follow the annotations and spec.suspend, whatever else is wrong with the spec."""
    target = f"{seen.namespace}/{seen.name}"
    ours = [each for each in seen.holds if each.scope == "Campaign" and each.target == target]
    by_note = [each for each in ours if each.actor == BY_ANNOTATION]
    hold: list[tuple[str, str]] = []
    release: list[int] = []
    if seen.hold is not None:
        reason = hold_reason(seen.hold)
        if not any(each.reason == reason for each in by_note):
            hold.append((BY_ANNOTATION, reason))
        release += [each.id for each in by_note if each.reason != reason]
    else:
        release += [each.id for each in by_note]
    # Back again: an orphan goes on with the same intent; what vanished with many others asks a person.
    same = seen.run is None or seen.verdict.digest == seen.run.intent_digest
    release += [each.id for each in ours if each.actor == BY_ABSENCE and each.reason == ORPHANED and same]
    suspend = None
    if seen.run is not None and seen.run.is_open and seen.run.stopped_at is None and seen.run.suspended != seen.suspend:
        suspend = seen.suspend
    task = None
    if seen.run is None and seen.task is not None and seen.task.is_pending and seen.task.suspended != seen.suspend:
        task = (seen.identity, seen.suspend)
    stop, ordered = None, seen.ordered
    if ordered is not None and ordered.is_open and ordered.stopped_at is None:
        stop = (ordered.id, (stop_order(seen.stop or "") or (0, ""))[1])
    return Brakes(tuple(hold), tuple(release), suspend, task, stop)


def plan_absence(run: RunView, holds: tuple[HoldView, ...], *, many: bool) -> Brakes:
    """The campaign of an open run is gone: the run pauses, and is kept."""
    ours = [each for each in holds if each.actor == BY_ABSENCE and each.target == f"{run.namespace}/{run.name}"]
    wanted = VANISHED if many or any(each.reason == VANISHED for each in ours) else ORPHANED
    if any(each.reason == wanted for each in ours):
        return Brakes()
    return Brakes(((BY_ABSENCE, wanted),), tuple(each.id for each in ours))
