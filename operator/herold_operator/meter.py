"""What stands still, is late or has nobody to do it, since when; and the leader's figures, brought up to date."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from herold.resources.meta import Key
from herold_operator.figures import UNMANNED_AFTER, Since, build_reading, moving, out_of_order, overdue, unmanned
from herold_operator.fleets import Fleets
from herold_operator.health import Health
from herold_operator.keyed_queue import KeyedQueue
from herold_operator.lookout import Lookout, campaign_of
from herold_operator.settings import OperatorSettings
from herold_operator.world import World


@dataclass(slots=True)
class Meter:
    """`unmanned` are runs that stand still because their sender has no worker."""

    lookout: Lookout
    world: World
    fleets: Fleets
    queue: KeyedQueue[Key]
    settings: OperatorSettings
    health: Health
    unmanned: frozenset[int] = frozenset()
    _progress: Since[int] = field(default_factory=Since)
    _waits: Since[Key] = field(default_factory=Since)
    _stalled: float = 0.0
    _late: float = 0.0

    def measure(self) -> None:
        """Once a tick: the figures, and a visit for campaigns whose workers are missing now, or no longer."""
        now, snapshot, trouble = time.monotonic(), self.lookout.snapshot, self.lookout.trouble
        campaigns = [(key, self.world.objects[key].get("status") or {}) for key in self.world.of_kind("Campaign")]
        if snapshot is not None and trouble is None:
            self._stalled = self._progress.longest(moving(snapshot), now)
            lead = timedelta(seconds=self.settings.freeze_lead)
            self._late = self._waits.longest(overdue(campaigns, snapshot.ledger.now, lead), now)
            before = self.unmanned
            self.unmanned = unmanned(snapshot, self._progress.so_long(UNMANNED_AFTER, now))
            for run_id in (before ^ self.unmanned) & snapshot.by_id.keys():
                self.queue.add(campaign_of(snapshot.by_id[run_id]))
        self.health.reading = build_reading(
            queue=len(self.queue),
            away=0.0 if trouble is None else now - trouble[0],
            states=Counter(str(status.get("state", "New")) for _, status in campaigns),
            degraded=out_of_order(status for _, status in campaigns),
            snapshot=snapshot,
            stalled=self._stalled,
            late=self._late,
            wanted=self.fleets.asked(),
        )
