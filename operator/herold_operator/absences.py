"""Campaigns that are gone: their open runs pause and are kept; many that vanish at once ask a person."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from herold.journal import Journal
from herold.resources.meta import Key
from herold.resources.resolved import PROOF
from herold_operator.brakes import plan_absence
from herold_operator.breaker import Breaker
from herold_operator.campaigns import BY_ABSENCE, is_held_as_orphan
from herold_operator.deeds import brake
from herold_operator.events import EventReason, Happening
from herold_operator.foreman import Foreman
from herold_operator.keyed_queue import KeyedQueue
from herold_operator.ledger import Ledger
from herold_operator.lookout import Lookout, campaign_of
from herold_operator.notifying import Notifier
from herold_operator.preflights import PREFLIGHT
from herold_operator.snapshot import RunView, Snapshot
from herold_operator.starts import BUILD
from herold_operator.telling import Teller
from herold_operator.world import World


@dataclass(slots=True)
class Absences:
    """Keys of campaigns. What it remembers is who vanished within the last half minute."""

    ledger: Ledger
    lookout: Lookout
    world: World
    queue: KeyedQueue[Key]
    foreman: Foreman
    teller: Teller
    notifier: Notifier
    journal: Journal
    _breaker: Breaker = field(default_factory=Breaker)

    def vanished(self, key: Key) -> None:
        """It was deleted just now: when that makes many, all of them are visited."""
        now = time.monotonic()
        self._breaker.vanished(key, now)
        for each in self._breaker.tripped(self._present(), now):
            self.queue.add(each, first=True)

    async def attend(self, key: Key) -> None:
        """Its open runs pause, and what was to become one does not. Raises HeroldError."""
        snapshot = self.lookout.snapshot or await self.lookout.look()
        many = self._is_one_of_many(key, snapshot)
        for name in (key[2], f"{key[2]}{PROOF}"):
            if any(task.is_pending and (task.namespace, task.name) == (key[1], name) for task in self.lookout.tasks()):
                snapshot = await self.foreman.withdraw(key[1], name, BUILD, PREFLIGHT)
            for place, run in snapshot.runs.items():
                if place[:2] == (key[1], name) and run.is_open and run.id in self.lookout.ours:
                    await self._pause(key, run, snapshot, many=many)
                    now = self.lookout.snapshot or snapshot
                    holds = now.holds_on(run.namespace, run.name, None)
                    await self.notifier.attend_gone(run, tuple(each for each in holds if each.actor == BY_ABSENCE), now)

    async def _pause(self, key: Key, run: RunView, snapshot: Snapshot, *, many: bool) -> None:
        brakes = plan_absence(run, snapshot.holds_on(run.namespace, run.name, None), many=many)
        if not brakes.any:
            return
        await brake(self.ledger, self.journal, run.namespace, run.name, run, brakes)
        reason = EventReason.MASS_DELETION if many else EventReason.ORPHANED
        self.teller.tell(Happening(key, "", reason, f"run {run.id}."))
        level, campaign = "error" if many else "warning", f"{run.namespace}/{run.name}"
        self.journal.write(level, "campaign_vanished", campaign=campaign, run=run.id)
        await self.lookout.look()

    def _is_one_of_many(self, key: Key, snapshot: Snapshot) -> bool:
        """Whether it vanished with many others, also before this process began to watch."""
        now, present = time.monotonic(), self._present()
        runs = [run for run in snapshot.runs.values() if run.is_open and campaign_of(run) == key]
        ours = [run for run in runs if run.id in self.lookout.ours]
        if any(not is_held_as_orphan(snapshot.holds_on(key[1], run.name, None)) for run in ours):
            before = self._breaker.tripped(present, now)
            self._breaker.vanished(key, now)
            if not before:
                for each in self._breaker.tripped(present, now) - {key}:
                    self.queue.add(each, first=True)
        return key in self._breaker.tripped(present, now)

    def _present(self) -> int:
        return sum(1 for _ in self.world.of_kind("Campaign"))
