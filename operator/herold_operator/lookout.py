"""Looks at the ledger, once a tick for all campaigns, and wakes those of which it tells something new."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from herold.errors import HeroldError
from herold.journal import Journal
from herold.ledger.fence import regress
from herold.resources.campaign import Campaign
from herold.resources.meta import Key
from herold.resources.resolved import PROOF
from herold.resources.sender import SenderProfile
from herold_operator.annotations import ACTOR
from herold_operator.fleets import Fleets
from herold_operator.keyed_queue import KeyedQueue
from herold_operator.ledger import Ledger
from herold_operator.reading import started_by_us
from herold_operator.snapshot import Backlog, HoldView, RunView, Snapshot
from herold_operator.tasks import TaskKey, TaskView
from herold_operator.world import World

# The ledger may be away this long before conditions say so.
PATIENCE_SECONDS = 5.0


@dataclass(slots=True)
class Lookout:
    """`snapshot` is the last look, None until there was one; `ours` are runs whose campaigns the operator answers for;
    `trouble` is since when (monotonic) and why the ledger does not answer."""

    ledger: Ledger
    world: World
    fleets: Fleets
    queue: KeyedQueue[Key]
    journal: Journal
    snapshot: Snapshot | None = None
    ours: set[int] = field(default_factory=set)
    trouble: tuple[float, str] | None = None
    _learnt: dict[TaskKey, tuple[float, TaskView]] = field(default_factory=dict)
    _said: bool = False
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _looked: float = 0.0

    async def look(self) -> Snapshot:
        """A look at the ledger that began after this call; those who ask at the same time share one."""
        asked = time.monotonic()
        async with self._looking:
            if self.snapshot is not None and self._looked > asked:
                return self.snapshot
            began = time.monotonic()
            try:
                found = await self.ledger.look()
                why = found.forgot
                if why is not None and found.ledger.regressed is None:
                    accepted = found.ledger.accepted
                    await self.ledger.call(lambda connection: regress(connection, why, accepted))
                    self.journal.write("error", "ledger_regressed", resource="Lease", message=why)
                    found = await self.ledger.look()
                if self.snapshot is None:
                    self.ours |= await self.ledger.call(started_by_us)
            except HeroldError as error:
                self._away(error)
                raise
            self._looked = began
            before, self.snapshot = self.snapshot, found
            if self.trouble is not None:
                self.journal.write("info", "ledger_is_back", seconds=round(time.monotonic() - self.trouble[0], 1))
                self.trouble = None
                self.wake_all()
            self._compare(before, found)
            return found

    def learn(self, task: TaskView) -> None:
        """A task that may be younger than the snapshot; it is kept until a look that began later."""
        self._learnt[task.key] = (time.monotonic(), task)

    def task(self, key: TaskKey) -> TaskView | None:
        """The task as it is known last."""
        learnt = self._learnt.get(key)
        if learnt is not None:
            return learnt[1]
        return self.snapshot.tasks.get(key) if self.snapshot is not None else None

    def tasks(self) -> Iterator[TaskView]:
        """All of them."""
        known = self.snapshot.tasks if self.snapshot is not None else {}
        for key in known.keys() | self._learnt.keys():
            task = self.task(key)
            if task is not None:
                yield task

    def _away(self, error: HeroldError) -> None:
        """The ledger does not answer, or is not ours to use. Said once it lasts longer than a moment."""
        now = time.monotonic()
        if self.trouble is None:
            self.trouble = (now, error.message)
            self._said = False
            self.journal.write("warning", "ledger_is_away", error=type(error).__name__, message=error.message[:500])
        elif not self._said and self.is_away():
            self._said = True
            self.wake_all()

    def is_away(self) -> bool:
        """Whether it lasts longer than a moment."""
        return self.trouble is not None and time.monotonic() - self.trouble[0] > PATIENCE_SECONDS

    def wake_all(self) -> None:
        """Visit every campaign."""
        for key in list(self.world.of_kind("Campaign")):
            self.queue.add(key)

    def _compare(self, before: Snapshot | None, now: Snapshot) -> None:
        """Wake the campaigns of which the ledger tells something new, and runs whose campaign is gone."""
        again: set[Key] = set()
        if before is None or before.ledger.regressed != now.ledger.regressed:
            self.wake_all()
        elif before.holds != now.holds:
            again |= self._held(set(before.holds) ^ set(now.holds))
        again |= self._done(before, now)
        for place, run in now.runs.items():
            key = campaign_of(run)
            known = before.runs.get(place) if before is not None else None
            if known != run:
                again.add(key)
            if known is None and before is not None:
                self.journal.write(
                    "info", "run_started", campaign=f"{key[1]}/{key[2]}", run=run.id, planned=run.planned
                )
            if run.is_open and run.id in self.ours and key not in self.world.objects:
                again.add(key)
        for place, run in (before.runs if before is not None else {}).items():
            if place not in now.runs:
                again.add(campaign_of(run))
        for key in again | self.fleets.due(backlog_of(now), self.senders(), time.monotonic()):
            self.queue.add(key)

    def _done(self, before: Snapshot | None, now: Snapshot) -> set[Key]:
        """Campaigns of whose tasks something is new, or which are gone and left one unfinished."""
        again: set[Key] = set()
        self._learnt = {place: learnt for place, learnt in self._learnt.items() if learnt[0] >= self._looked}
        for place, task in now.tasks.items():
            key = campaign_of(task)
            if (before.tasks.get(place) if before is not None else None) != task:
                again.add(key)
                if task.requested_by == ACTOR and task.run_id is not None:
                    self.ours.add(task.run_id)
            if task.is_pending and key not in self.world.objects:
                again.add(key)
        return again

    def _held(self, holds: set[HoldView]) -> set[Key]:
        """Campaigns that these holds may concern."""
        if any(each.scope in ("Everything", "Sender") for each in holds):
            return set(self.world.of_kind("Campaign"))
        teams = {each.target for each in holds if each.scope == "Team"}
        targets = {each.target.removesuffix(PROOF) for each in holds if each.scope == "Campaign"}
        return {key for key in self.world.of_kind("Campaign") if key[1] in teams or f"{key[1]}/{key[2]}" in targets}

    def senders(self) -> dict[Key, SenderProfile]:
        """All profiles whose own shape is right."""
        found = {}
        for key in self.world.of_kind("SenderProfile"):
            sender = self.world.resource(key)
            if isinstance(sender, SenderProfile):
                found[key] = sender
        return found


def backlog_of(snapshot: Snapshot) -> dict[tuple[str, str], Backlog]:
    """What each sender has to do, by (namespace, name)."""
    return {(each.namespace, each.name): each for each in snapshot.backlog}


def campaign_of(what: RunView | TaskView) -> Key:
    """Key of the campaign that a run or a task carries out; a proof is its campaign's."""
    return (Campaign.__name__, what.namespace, what.name.removesuffix(PROOF))
