"""Writing statuses, and Events of what is new in them: once for each thing that changed, counts at most so often,
nothing when nothing is new."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from herold.errors import HeroldError, NotFound
from herold.resources.meta import Key
from herold.resources.status import CampaignStatus, ResourceStatus
from herold_operator.api import KubernetesApi
from herold_operator.attribution import ATTRIBUTED, attribute
from herold_operator.campaign_status import build_blind_status, build_status
from herold_operator.campaigns import Seen
from herold_operator.conditions import build_conditions
from herold_operator.events import Happening, plan_events
from herold_operator.judging import Verdict, build_validity
from herold_operator.keyed_queue import KeyedQueue
from herold_operator.ledger import Ledger
from herold_operator.newer import keep_unknown
from herold_operator.notifying import Notifier
from herold_operator.telling import Teller
from herold_operator.world import World

_NUMBERS = ("counts", "nextSendTime", "ledger")
# An Event waits no longer for the name of who did it.
WHO_SECONDS = 5.0
_OVER = ("Completed", "Stopped", "Missed")


@dataclass(slots=True)
class Statuses:
    """`counts_every`: seconds between two writes of which only numbers are new."""

    api: KubernetesApi
    ledger: Ledger
    world: World
    queue: KeyedQueue[Key]
    teller: Teller
    notifier: Notifier
    counts_every: float
    _written: dict[Key, float] = field(default_factory=dict)

    async def say_validity(self, key: Key, item: Mapping[str, Any], verdict: Verdict) -> None:
        """Of a kind that does nothing by itself."""
        before = item.get("status", {})
        generation = item["metadata"]["generation"]
        conditions = build_conditions(
            (build_validity(verdict),),
            before.get("conditions", ()),
            generation=generation,
            now=datetime.now(UTC),
        )
        status = {"observedGeneration": generation, "conditions": conditions}
        await self._write(key, item, keep_unknown(status, before, ResourceStatus))

    async def say(self, key: Key, item: Mapping[str, Any], seen: Seen) -> None:
        """Of a campaign."""
        before = seen.status
        status = keep_unknown(build_status(seen), before, CampaignStatus)
        await self.notifier.attend(item, seen, status)
        if _lasting(status) == _lasting(before):
            if _numbers(status) == _numbers(before):
                return
            written = self._written.get(key)
            if written is not None and (wait := written + self.counts_every - time.monotonic()) > 0:
                self.queue.add_after(key, wait)
                return
        await self._write(key, item, status)
        self._written[key] = time.monotonic()

    async def say_blind(self, key: Key, item: Mapping[str, Any], verdict: Verdict, trouble: str) -> None:
        """Of a campaign while the ledger does not answer."""
        before = item.get("status") or {}
        generation = item["metadata"]["generation"]
        if before.get("state") in _OVER and before.get("observedGeneration") == generation:
            return  # nothing of it depends on the ledger any more
        said = f"{trouble}. It is tried again by itself."
        status = build_blind_status(before, verdict, generation=generation, trouble=said, now=datetime.now(UTC))
        await self._write(key, item, status)

    def forget(self, key: Key) -> None:
        """The campaign is gone."""
        self._written.pop(key, None)

    async def _write(self, key: Key, item: Mapping[str, Any], status: dict[str, Any]) -> None:
        if status == item.get("status"):
            return
        try:
            written = await self.api.apply_status(*key, status, item["metadata"]["resourceVersion"])
        except NotFound:
            return  # deleted meanwhile; the watch tells
        self.world.put(written)
        await self._tell(key, item, status)

    async def _tell(self, key: Key, item: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """Events for what is new in the status that was just written: whoever wrote it tells, and nobody else."""
        before = item.get("status") or {}
        for happening in plan_events(key, item["metadata"]["uid"], before, status):
            self.teller.tell(await self._attributed(happening, before, status))

    async def _attributed(self, happening: Happening, before: Mapping[str, Any], after: Mapping[str, Any]) -> Happening:
        """With who did it, as far as the ledger says so."""
        if happening.reason not in ATTRIBUTED:
            return happening
        with contextlib.suppress(HeroldError, TimeoutError):  # the rest of it is true all the same
            async with asyncio.timeout(WHO_SECONDS):
                who = await self.ledger.call(lambda connection: attribute(connection, happening, before, after))
            return replace(happening, detail=f"{happening.detail} {who}".strip())
        return happening


def _lasting(status: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in status.items() if name not in _NUMBERS}


def _numbers(status: Mapping[str, Any]) -> tuple[Any, ...]:
    mirror = {name: value for name, value in status.get("ledger", {}).items() if name != "observedTime"}
    return status.get("counts"), status.get("nextSendTime"), mirror
