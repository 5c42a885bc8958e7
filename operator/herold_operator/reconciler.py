"""One level-based reconcile for each resource: look at everything that is known of it, do what is missing, say it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from herold.errors import HeroldError, Temporary
from herold.journal import Journal, place_of
from herold.ledger.fence import regress
from herold.resources.meta import Key
from herold.resources.sender import SenderProfile
from herold_operator.absences import Absences
from herold_operator.api import Conflict, KubernetesApi
from herold_operator.approvals import KIND as APPROVAL
from herold_operator.approvals import Approvals
from herold_operator.brakes import plan_brakes
from herold_operator.campaign_status import regression
from herold_operator.campaigns import Seen
from herold_operator.deeds import brake, sync
from herold_operator.fleets import WORKERS, Fleets
from herold_operator.foreman import Foreman
from herold_operator.health import Health
from herold_operator.judging import Judge
from herold_operator.keyed_queue import KeyedQueue
from herold_operator.ledger import Ledger
from herold_operator.lookout import Lookout, backlog_of
from herold_operator.meter import Meter
from herold_operator.notifying import Notifier
from herold_operator.preflights import Preflights
from herold_operator.settings import OperatorSettings
from herold_operator.snapshot import Backlog, Snapshot
from herold_operator.starts import Starts
from herold_operator.statuses import Statuses
from herold_operator.telling import Teller
from herold_operator.turns import is_urgent, next_visits
from herold_operator.witness import Witness
from herold_operator.world import World

TASKS = 8


@dataclass(slots=True)
class Reconciler:
    """Feeds on events; the lookout brings what the ledger tells."""

    api: KubernetesApi
    ledger: Ledger
    world: World
    fleets: Fleets
    settings: OperatorSettings
    journal: Journal
    teller: Teller
    notifier: Notifier
    environment: str
    health: Health = field(default_factory=Health)
    queue: KeyedQueue[Key] = field(default_factory=KeyedQueue)
    lookout: Lookout = field(init=False)
    approvals: Approvals = field(init=False)
    _statuses: Statuses = field(init=False)
    _foreman: Foreman = field(init=False)
    _starts: Starts = field(init=False)
    _preflights: Preflights = field(init=False)
    _absences: Absences = field(init=False)
    _judge: Judge = field(init=False)
    _meter: Meter = field(init=False)
    _witness: Witness = field(init=False)
    _stops: dict[Key, str] = field(default_factory=dict)  # annotations for which the ledger was looked at anew
    _synced: dict[Key, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._judge = Judge(self.world)
        self.approvals = Approvals(self.settings.policy_dir, self.environment)
        self.lookout = Lookout(self.ledger, self.world, self.fleets, self.queue, self.journal)
        self._foreman = Foreman(self.api, self.lookout, self.fleets.platform, self.settings, self.journal)
        self._starts = Starts(self.ledger, self.lookout, self._foreman, self.journal)
        self._preflights = Preflights(self.ledger, self.lookout, self._foreman)
        self._meter = Meter(self.lookout, self.world, self.fleets, self.queue, self.settings, self.health)
        self._witness = Witness(self.lookout, self._starts, self.approvals, self._meter, self.settings)
        self._absences = Absences(
            self.ledger, self.lookout, self.world, self.queue, self._foreman, self.teller, self.notifier, self.journal
        )
        self._statuses = Statuses(
            self.api,
            self.ledger,
            self.world,
            self.queue,
            self.teller,
            self.notifier,
            counts_every=self.settings.counts_every,
        )

    # What happens -----------------------------------------------------------------------------------------------------

    def changed(self, item: Mapping[str, Any], *, anew: bool = False) -> bool:
        """An object was made or changed. True when that was news. `anew`: take it though it seems older."""
        if not self.world.put(dict(item), anew=anew):
            return False
        key = (item["kind"], item["metadata"]["namespace"], item["metadata"]["name"])
        # A brake, and an edit that nobody looked at, overtake what waits.
        self.queue.add(key, first=is_urgent(item))
        for each in self.world.dependents(key):
            self.queue.add(each)
        if key[0] == APPROVAL:
            self._concerns(self.approvals.learn(key, self.world.resource(key)))
        return True

    def look_through(self) -> None:
        """Have everything that is known visited, in the order in which it would have been if it had come just now."""
        for key, item in self.world.objects.items():
            self.queue.add(key, first=is_urgent(item))

    def gone(self, key: Key, version: int | None = None) -> None:
        """An object was deleted."""
        if not self.world.remove(key, version):
            return
        self.queue.add(key, first=True)
        for each in self.world.dependents(key):
            self.queue.add(each)
        if key[0] == APPROVAL:
            self._concerns(self.approvals.forget(key))
        if key[0] == "Campaign":
            self._absences.vanished(key)

    def _concerns(self, campaigns: Iterable[Key]) -> None:
        for each in campaigns:
            self.queue.add(each, first=True)  # an approval that is gone is a brake

    # What is done ----------------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Handle keys for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(self._serve_one())

    async def _serve_one(self) -> None:
        while True:
            key = await self.queue.get()
            failed = is_trouble = True
            try:
                with self.health.visits.labels(key[0]).time():
                    await self.reconcile(key)
                failed = is_trouble = False
            except Conflict:
                is_trouble = False  # somebody was faster: as it should be, looked at again
                self.journal.write("debug", "changed_meanwhile", kind=key[0], resource=f"{key[1]}/{key[2]}")
            except HeroldError as error:
                level = "warning" if isinstance(error, Temporary) else "error"
                self.journal.write(
                    level,
                    "reconcile_failed",
                    kind=key[0],
                    resource=f"{key[1]}/{key[2]}",
                    error=type(error).__name__,
                    message=error.message[:500],
                )
            except Exception as error:
                # One resource's trouble is nobody else's. Its text may quote values: only its kind is logged.
                self.journal.write(
                    "error",
                    "reconcile_broke",
                    kind=key[0],
                    resource=f"{key[1]}/{key[2]}",
                    error=type(error).__name__,
                    where=place_of(error),
                )
            finally:
                self.queue.done(key, failed=failed)
                if is_trouble:
                    self.health.failures.labels(key[0]).inc()

    async def reconcile(self, key: Key) -> None:
        """Visit one resource. Raises HeroldError; the queue brings it back."""
        item = self.world.objects.get(key)
        if key[0] == "Campaign":
            if item is None:
                self._forget(key)
                await self._absences.attend(key)
            else:
                await self._campaign(key, item)
        elif key[0] == WORKERS:
            await self._workers(key)
        elif item is not None:
            await self._plain(key, item)

    def tick(self) -> None:
        """Once a tick: call whose turn it is, and bring the figures up to date."""
        self.health.beat()
        if self.approvals.reread():
            above = self.approvals.above
            self.journal.write("info", "threshold", above=-1 if above is None else above)
            self.lookout.wake_all()
        for key in self._foreman.next_turns():
            self.queue.add(key)
        self._meter.measure()

    async def _workers(self, key: Key) -> None:
        if self.lookout.snapshot is None:
            return
        profile = ("SenderProfile", key[1], key[2])
        sender = self.world.resource(profile)
        if sender is None and profile in self.world.objects:
            return  # while it is not right, its workers stay as they are
        work = backlog_of(self.lookout.snapshot).get((key[1], key[2]), Backlog(key[1], key[2], due=0, chores=False))
        await self.fleets.reconcile(key, sender if isinstance(sender, SenderProfile) else None, work, time.monotonic())

    async def _plain(self, key: Key, item: Mapping[str, Any]) -> None:
        """A kind that does nothing by itself; the ledger follows a SenderProfile's rates at once."""
        verdict = self._judge.verdict(key)
        sender = verdict.resource
        if isinstance(sender, SenderProfile) and self._synced.get(key) != sender.spec:
            await self.ledger.call(lambda connection: sync(connection, sender))
            self._synced[key] = sender.spec
        await self._statuses.say_validity(key, item, verdict)

    async def _campaign(self, key: Key, item: Mapping[str, Any]) -> None:
        verdict = self._judge.verdict(key)
        if self.lookout.is_away():
            assert self.lookout.trouble is not None
            await self._statuses.say_blind(key, item, verdict, self.lookout.trouble[1])
            return
        snapshot = self.lookout.snapshot or await self.lookout.look()
        seen = self._witness.see(key, item, verdict, snapshot)
        if seen.stop is not None and seen.ordered is None and seen.stop != self._stops.get(key):
            self._stops[key] = seen.stop  # the run that it names may be younger than the snapshot
            seen = self._witness.see(key, item, verdict, await self.lookout.look())
        brakes = plan_brakes(seen)
        if brakes.any:
            await brake(self.ledger, self.journal, seen.namespace, seen.name, seen.run, brakes)
            seen = self._witness.see(key, item, verdict, await self.lookout.look())
        if await self._check_regression(key, seen, self.lookout.snapshot or snapshot):
            seen = self._witness.see(key, item, verdict, await self.lookout.look())
        if seen.run is not None:
            self.lookout.ours.add(seen.run.id)
        done = await self._starts.attend(key, seen)
        if done.news:
            seen = self._witness.see(key, item, verdict, self.lookout.snapshot or snapshot, done.run)
        ahead = await self._preflights.attend(key, seen)
        if ahead.news:
            seen = self._witness.see(key, item, verdict, self.lookout.snapshot or snapshot, done.run)
        seen = replace(seen, trouble=done.trouble, waits=done.waits, preflight_trouble=ahead.trouble)
        await self._statuses.say(key, item, seen)
        for seconds in next_visits(seen, self.settings):
            self.queue.add_after(key, seconds)

    def _forget(self, key: Key) -> None:
        """The campaign is gone."""
        self._starts.forget(key)
        self._preflights.forget(key)
        self._stops.pop(key, None)
        self._statuses.forget(key)

    async def _check_regression(self, key: Key, seen: Seen, snapshot: Snapshot) -> bool:
        """Whether the ledger was looked at anew, and stopped if it knows less than the campaign's status."""
        if seen.ledger.regressed or regression(seen.status, snapshot.by_id, seen.ledger) is None:
            return False
        fresh = await self.lookout.look()  # the status may be younger than the snapshot
        why = regression(seen.status, fresh.by_id, fresh.ledger)
        if why is not None:
            await self.ledger.call(lambda connection: regress(connection, why, fresh.ledger.accepted))
            self.journal.write("error", "ledger_regressed", resource=f"{key[1]}/{key[2]}", message=why)
        return True
