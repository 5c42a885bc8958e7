"""The operator as a whole: list, watch, tick, reconcile; until it is told to stop.

A replica that stands by lists and watches too, so that it knows everything when it leads. It asks the ledger nothing,
and has no queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from herold.errors import HeroldError, NotFound
from herold.journal import Journal
from herold.resources import KINDS
from herold.resources.meta import Key
from herold.settings import Settings
from herold_operator.api import KubernetesApi, load_configuration, resource_path
from herold_operator.approvals import KIND as APPROVAL
from herold_operator.courier import Courier
from herold_operator.fleets import Fleets
from herold_operator.health import Health
from herold_operator.leadership import Leadership
from herold_operator.ledger import Ledger
from herold_operator.notifying import Notifier
from herold_operator.pods import Platform
from herold_operator.receivers import SECRET, Receivers
from herold_operator.reconciler import Reconciler
from herold_operator.settings import OperatorSettings
from herold_operator.telling import Teller
from herold_operator.watching import build_registry, watch
from herold_operator.world import World, key_of, version_of

FIRST_RESYNC_SECONDS = 5.0
# How often all is listed while watches may hear nothing of what is new.
DEAF_RESYNC_SECONDS = 5.0
WATCH_ENDS_SECONDS = 5.0
EVENTS_SECONDS = 2.0


async def operate(
    settings: Settings,
    own: OperatorSettings,
    journal: Journal,
    health: Health,
    leadership: Leadership,
    leading: asyncio.Event,
    stop: asyncio.Event,
) -> None:
    """List and watch from now on; from when `leading` is set, be the operator, as long as `leadership` lasts; until
    `stop`. It is handed over once nothing more is decided."""
    configuration = await load_configuration()
    api = KubernetesApi(configuration, before_write=leadership.check)
    ledger = Ledger(settings, before=leadership.check, mirror=leadership.mirror)
    fleets = Fleets(api, Platform.of(own, settings), own, journal)
    teller = Teller(api, own.identity, journal, health)
    receivers = Receivers(settings.secrets_dir / SECRET if settings.secrets_dir is not None else None, journal)
    courier = Courier(ledger, receivers, journal, health)
    notifier = Notifier(ledger, receivers, settings.environment, courier.wake)
    courier.swept = notifier.forget
    world = World(settings.shared_namespace)
    reconciler = Reconciler(api, ledger, world, fleets, own, journal, teller, notifier, settings.environment, health)
    reconciler.queue.takes = False

    def happened(what: str | None, item: dict[str, Any]) -> None:
        if what == "DELETED":
            reconciler.gone(key_of(item), version_of(item))
        else:
            reconciler.changed(item)

    watching: asyncio.Task[None] | None = None
    tasks: list[asyncio.Task[None]] = []
    try:
        await _list_all(reconciler, journal, stop)
        health.listed = True
        watched = reconciler.approvals.served
        plurals = [model.plural for kind, model in KINDS.items() if kind != APPROVAL or watched]
        for plural in plurals:
            health.hear(plural)
        registry = build_registry(plurals, happened, health.hear, configuration)
        watching = asyncio.create_task(watch(registry, stop))
        others = (
            _resync(reconciler, own, journal, watched=watched),
            _until(stop),
            _lead(reconciler, courier, own, journal, leading, stop),
        )
        tasks = [asyncio.create_task(each) for each in others]
        done, _ = await asyncio.wait({watching, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        stop.set()
        reconciler.queue.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(ledger.close)
        await asyncio.to_thread(leadership.stop)
        await teller.flush(EVENTS_SECONDS)  # of what was done while it led
        if watching is not None:  # it reads only: nobody needs to wait for it
            await asyncio.wait({watching}, timeout=WATCH_ENDS_SECONDS)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await api.close()


async def _until(event: asyncio.Event) -> None:
    await event.wait()


async def _lead(
    reconciler: Reconciler,
    courier: Courier,
    own: OperatorSettings,
    journal: Journal,
    leading: asyncio.Event,
    stop: asyncio.Event,
) -> None:
    """Wait for the Lease, then work for ever. A watch may lag behind what the leader before saw and did: a brake that
    is not known yet would be taken off again. So all is listed once more before anything is judged."""
    await leading.wait()
    reconciler.health.lead()
    courier.receivers.refresh()  # whoever is to be told is known before anything is looked at
    reconciler.queue.takes = True
    await asyncio.gather(_list_all(reconciler, journal, stop), _look(reconciler))
    reconciler.look_through()
    async with asyncio.TaskGroup() as group:
        for each in (_tick(reconciler, own), reconciler.serve(), reconciler.teller.serve(), courier.serve()):
            group.create_task(each)


async def _look(reconciler: Reconciler) -> None:
    with contextlib.suppress(HeroldError):  # said and counted where it is raised
        await reconciler.lookout.look()


async def _list_all(reconciler: Reconciler, journal: Journal, stop: asyncio.Event) -> None:
    """Everything is known before anything is judged: a template that is not listed yet is not missing."""
    while not stop.is_set():
        try:
            await resync(reconciler)
            return
        except HeroldError as error:
            journal.write("warning", "list_failed", error=type(error).__name__, message=error.message[:500])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 2.0)


async def resync(reconciler: Reconciler) -> None:
    """List everything anew: what a watch missed (deletions while it was away, above all) is made good."""
    await reconciler.fleets.list_all()
    is_first = not reconciler.world.objects
    newest = reconciler.world.newest
    missed = await _list_approvals(reconciler, newest)
    missed += sum([await _list_kind(reconciler, kind, newest) for kind in KINDS if kind != APPROVAL])
    if not is_first:
        reconciler.health.missed.inc(missed)


async def _list_kind(reconciler: Reconciler, kind: str, newest: int) -> int:
    """List one kind; gives how much was news. `newest`: the resourceVersion that was known before that was asked."""
    world, present, listed, missed = reconciler.world, set[Key](), 0, 0
    async for listed, items in reconciler.api.pages(resource_path(kind)):
        went_back = listed < newest  # a restored etcd: what seems older is what there is
        for item in items:
            present.add(key_of({**item, "kind": kind}))
            missed += reconciler.changed({**item, "kind": kind}, anew=went_back)
    if listed < newest:
        reconciler.journal.write("error", "api_went_back", kind=kind)
        world.went_back(listed)
    world.newest = max(world.newest, listed)
    for key in [key for key in world.of_kind(kind) if key not in present]:
        # What is younger than the list came with the watch meanwhile.
        if listed < newest or version_of(world.objects[key]) <= listed:
            reconciler.gone(key)
            missed += 1
    return missed


async def _list_approvals(reconciler: Reconciler, newest: int) -> int:
    """The same for a kind that is younger than the others: where CRDs are older it is missing, and nobody approved
    anything."""
    approvals, was_served = reconciler.approvals, reconciler.approvals.served
    try:
        missed = await _list_kind(reconciler, APPROVAL, newest)
        approvals.served = True
    except NotFound:
        approvals.served = False
        gone = list(reconciler.world.of_kind(APPROVAL))
        missed = len(gone)
        for key in gone:
            reconciler.gone(key)
    if was_served and not approvals.served:
        reconciler.journal.write("warning", "kind_missing", kind=APPROVAL)
    return missed


async def _has_come(reconciler: Reconciler) -> bool:
    try:
        await reconciler.api.request("GET", resource_path(APPROVAL), query={"limit": "1"})
    except HeroldError:
        return False
    return True


async def _resync(reconciler: Reconciler, own: OperatorSettings, journal: Journal, *, watched: bool) -> None:
    """`watched`: approvals are. If not, until their kind comes: then a new process is better."""
    # Soon after the start once more: what vanished between the first list and the watch.
    wait = FIRST_RESYNC_SECONDS
    looked = time.monotonic()
    while True:
        await asyncio.sleep(min(wait, DEAF_RESYNC_SECONDS))
        if not watched and await _has_come(reconciler):
            journal.write("warning", "kind_came", kind=APPROVAL)
            return
        if time.monotonic() - looked < wait and not reconciler.world.may_be_deaf:
            continue
        looked, wait = time.monotonic(), own.resync
        try:
            await resync(reconciler)
        except HeroldError as error:
            journal.write("warning", "list_failed", error=type(error).__name__, message=error.message[:500])
            wait = min(own.resync, 10.0)


async def _tick(reconciler: Reconciler, own: OperatorSettings) -> None:
    while True:
        began = time.monotonic()
        await _look(reconciler)
        reconciler.tick()
        await asyncio.sleep(max(0.05, own.tick - (time.monotonic() - began)))
