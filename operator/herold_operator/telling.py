"""Posts Events beside the work: nothing waits for them, and whatever flaps is told seldom and with its count.

What happens to one resource again with the same words amends the Event that is there. One resource costs at most BURST
writes at once and one a minute later on; what comes in between is put together, by reason. What the API server refuses
is dropped and logged; what it does not answer is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from herold.errors import HeroldError, NotFound, Temporary
from herold.journal import Journal
from herold_operator.api import Conflict, KubernetesApi
from herold_operator.conditions import stamp
from herold_operator.events import BURST, REFILL_SECONDS, EventReason, Happening, build_event
from herold_operator.health import Health

# Things that wait to be told, and Events that are remembered to be amended. Both are about 1 KB each.
MOST_WAITING = 10_000
MOST_KNOWN = 2_000
TOO_OLD_SECONDS = 3600.0
LONGEST_PAUSE = 30.0

_Slot = tuple[str, str, str, str, EventReason]  # kind, namespace, name, uid of the resource; reason


@dataclass(slots=True)
class _Waiting:
    """What is to be told; `name` is its own from the beginning, so that a repeated request makes no second one."""

    happening: Happening
    at: float
    first: str
    last: str
    count: int = 1
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:16])


@dataclass(slots=True)
class _Known:
    """An Event that was made."""

    name: str
    message: str
    count: int


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class Teller:
    """`tell` never waits; `serve` posts, one after the other. `clock` gives monotonic seconds."""

    api: KubernetesApi
    instance: str
    journal: Journal
    health: Health
    clock: Callable[[], float] = time.monotonic
    _waiting: OrderedDict[_Slot, _Waiting] = field(default_factory=OrderedDict)
    _late: dict[_Slot, _Waiting] = field(default_factory=dict)
    _known: OrderedDict[_Slot, _Known] = field(default_factory=OrderedDict)
    _buckets: dict[tuple[str, ...], _Bucket] = field(default_factory=dict)
    _some: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, happening: Happening) -> None:
        """Have it posted. When too many wait already, it is dropped, and counted as such."""
        slot: _Slot = (*happening.about, happening.uid, happening.reason)
        now = stamp(datetime.now(UTC))
        there = self._waiting.get(slot) or self._late.get(slot)
        if there is not None:
            there.happening, there.last, there.count = happening, now, there.count + 1
        elif len(self._waiting) + len(self._late) >= MOST_WAITING:
            self.health.events.labels("dropped").inc()
        else:
            self._waiting[slot] = _Waiting(happening, self.clock(), now, now)
            self._some.set()

    async def serve(self) -> None:
        """Post for ever."""
        pause = 0.5
        while True:
            taken = self._take()
            if taken is None:
                await self._wait()
                continue
            slot, waiting = taken
            try:
                await self._post(slot, waiting)
                pause = 0.5
            except asyncio.CancelledError:
                self._put_back(slot, waiting)
                raise
            except Temporary as error:
                self._put_back(slot, waiting)
                self.journal.write("debug", "event_waits", reason=slot[-1], message=error.message[:300])
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)

    async def flush(self, seconds: float) -> None:
        """Post what waits, for so long at most: before the process ends."""
        try:
            async with asyncio.timeout(seconds):
                for slot, waiting in [*self._waiting.items()]:
                    await self._post(slot, waiting)
        except (Temporary, TimeoutError):
            return

    async def _wait(self) -> None:
        self._some.clear()
        late = [self._buckets[slot[:4]] for slot in self._late]
        now = self.clock()
        wait = min(((1.0 - each.tokens) * REFILL_SECONDS - (now - each.at) for each in late), default=None)
        try:
            async with asyncio.timeout(None if wait is None else max(0.05, wait)):
                await self._some.wait()
        except TimeoutError:
            return

    def _take(self) -> tuple[_Slot, _Waiting] | None:
        """The next that may be told now. Those of a resource of which enough was told are put aside."""
        for slot in [slot for slot in self._late if self._has_token(slot)]:
            self._waiting[slot] = self._late.pop(slot)
        while self._waiting:
            slot, waiting = self._waiting.popitem(last=False)
            if self.clock() - waiting.at > TOO_OLD_SECONDS:
                self.health.events.labels("dropped").inc()
            elif self._has_token(slot):
                self._buckets[slot[:4]].tokens -= 1
                return slot, waiting
            else:
                self._late[slot] = waiting
        return None

    def _has_token(self, slot: _Slot) -> bool:
        now = self.clock()
        bucket = self._buckets.setdefault(slot[:4], _Bucket(BURST, now))
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.at) / REFILL_SECONDS)
        bucket.at = now
        if len(self._buckets) > MOST_WAITING:
            full = now - BURST * REFILL_SECONDS
            kept = {each[:4] for each in (*self._waiting, *self._late, slot)}
            self._buckets = {key: each for key, each in self._buckets.items() if key in kept or each.at > full}
        return bucket.tokens >= 1

    def _put_back(self, slot: _Slot, waiting: _Waiting) -> None:
        newer = self._waiting.get(slot)
        if newer is not None:
            waiting.happening, waiting.last = newer.happening, newer.last
            waiting.count += newer.count
        self._waiting[slot] = waiting
        self._waiting.move_to_end(slot, last=False)
        self._buckets[slot[:4]].tokens += 1

    async def _post(self, slot: _Slot, waiting: _Waiting) -> None:
        """Raises Temporary; whatever else is refused is logged."""
        path = f"/api/v1/namespaces/{waiting.happening.about[1]}/events"
        known = self._known.get(slot)
        try:
            if (
                known is None
                or known.message != waiting.happening.message
                or not await self._amend(path, known, waiting)
            ):
                await self._make(path, slot, waiting)
            self.health.events.labels("posted").inc()
        except Temporary:
            raise
        except HeroldError as error:
            self._known.pop(slot, None)
            self.health.events.labels("dropped").inc()
            self.journal.write("warning", "event_not_posted", reason=slot[-1], message=error.message[:300])

    async def _amend(self, path: str, known: _Known, waiting: _Waiting) -> bool:
        """Whether the Event that says the same was still there."""
        change = {"count": known.count + waiting.count, "lastTimestamp": waiting.last}
        try:
            await self.api.request("PATCH", f"{path}/{known.name}", change, content="application/merge-patch+json")
        except NotFound:
            return False
        known.count += waiting.count
        return True

    async def _make(self, path: str, slot: _Slot, waiting: _Waiting) -> None:
        happening = waiting.happening
        name = f"{happening.about[2]}.{waiting.name}"
        event = build_event(
            happening, name, count=waiting.count, first=waiting.first, last=waiting.last, instance=self.instance
        )
        with contextlib.suppress(Conflict):  # an answer was lost: it is there
            await self.api.request("POST", path, event)
        self._known[slot] = _Known(name, happening.message, waiting.count)
        self._known.move_to_end(slot)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
