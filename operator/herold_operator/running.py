"""The operator as a whole: list, watch, tick, reconcile; until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from herold.errors import HeroldError
from herold.resources import KINDS
from herold.settings import Settings
from herold_operator.api import KubernetesApi, load_configuration, resource_path
from herold_operator.journal import Journal
from herold_operator.ledger import Ledger
from herold_operator.reconciler import Reconciler
from herold_operator.settings import OperatorSettings
from herold_operator.watching import build_registry, watch
from herold_operator.world import World, key_of, version_of

FIRST_RESYNC_SECONDS = 5.0


async def lead(settings: Settings, own: OperatorSettings, journal: Journal, stop: asyncio.Event) -> None:
    """Be the operator until `stop`."""
    configuration = await load_configuration()
    api = KubernetesApi(configuration)
    ledger = Ledger(settings)
    reconciler = Reconciler(api, ledger, World(settings.shared_namespace), own, journal)
    try:
        await _list_all(reconciler, own, journal, stop)

        def happened(what: str | None, item: dict[str, Any]) -> None:
            if what == "DELETED":
                reconciler.gone(key_of(item), version_of(item))
            else:
                reconciler.changed(item)

        async with _tasks(
            watch(build_registry(happened, configuration), stop),
            _tick(reconciler, own),
            _resync(reconciler, own, journal),
            reconciler.serve(),
        ) as tasks:
            waiting = asyncio.create_task(stop.wait())
            done, _ = await asyncio.wait({*tasks, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            stop.set()
            await asyncio.wait({tasks[0]}, timeout=10)
            for task in done - {waiting}:
                task.result()
    finally:
        reconciler.queue.close()
        await asyncio.to_thread(ledger.close)
        await api.close()


@contextlib.asynccontextmanager
async def _tasks(*coroutines: Any) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _list_all(reconciler: Reconciler, own: OperatorSettings, journal: Journal, stop: asyncio.Event) -> None:
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
    found = [item for kind in KINDS for item in await _list_kind(reconciler.api, kind)]
    present = {key_of(item) for item in found}
    for key in [key for key in reconciler.world.objects if key not in present]:
        reconciler.gone(key)
    for item in found:
        reconciler.changed(item)


async def _list_kind(api: KubernetesApi, kind: str) -> list[dict[str, Any]]:
    return [{**item, "kind": kind} for item in await api.list(resource_path(kind))]


async def _resync(reconciler: Reconciler, own: OperatorSettings, journal: Journal) -> None:
    # Soon after the start once more: what vanished between the first list and the watch.
    wait = FIRST_RESYNC_SECONDS
    while True:
        await asyncio.sleep(wait)
        wait = own.resync
        try:
            await resync(reconciler)
        except HeroldError as error:
            journal.write("warning", "list_failed", error=type(error).__name__, message=error.message[:500])
            wait = min(own.resync, 10.0)


async def _tick(reconciler: Reconciler, own: OperatorSettings) -> None:
    while True:
        began = time.monotonic()
        with contextlib.suppress(HeroldError):  # said and counted where it is raised
            await reconciler.look()
        await asyncio.sleep(max(0.05, own.tick - (time.monotonic() - began)))
