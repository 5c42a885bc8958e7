"""A queue of keys: each is handled by one task at a time, and waits once however often it is added."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

K = TypeVar("K")
FIRST_DELAY = 0.5
LONGEST_DELAY = 60.0


class KeyedQueue(Generic[K]):
    """Level-based: a key that is added while it is handled is handled once more afterwards. While `takes` is False,
    what is added is dropped: nobody is going to handle it."""

    def __init__(self, *, takes: bool = True) -> None:
        self.takes = takes
        self._ready: deque[K] = deque()
        self._waiting: set[K] = set()
        self._busy: set[K] = set()
        self._again: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, key: K, *, first: bool = False) -> None:
        """Handle `key` soon; `first`: before all others (a brake)."""
        if not self.takes:
            return
        if key in self._busy:
            self._again.add(key)
            return
        if key in self._waiting:
            if not first:
                return
            self._ready.remove(key)
        self._waiting.add(key)
        if first:
            self._ready.appendleft(key)
        else:
            self._ready.append(key)
        self._some.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Handle `key` then, or earlier when asked before; the earlier of two such times holds."""
        loop = asyncio.get_running_loop()
        when = loop.time() + max(0.0, seconds)
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= when:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(when, self._ring, key)

    def _ring(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)

    async def get(self) -> K:
        """The next key; `done` must follow. All else has its turn in between: visits that find nothing to do wait for
        nothing, and thousands of them would keep an answer, or a brake, from being heard."""
        await asyncio.sleep(0)
        while not self._ready:
            self._some.clear()
            await self._some.wait()
        key = self._ready.popleft()
        self._waiting.discard(key)
        self._busy.add(key)
        return key

    def done(self, key: K, *, failed: bool = False) -> float | None:
        """It was handled. A failed one comes back, later each time; gives the delay."""
        self._busy.discard(key)
        delay = None
        if failed:
            count = self._failures.get(key, 0)
            self._failures[key] = count + 1
            delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(count, 10))
            self.add_after(key, delay)
        else:
            self._failures.pop(key, None)
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        return delay

    def close(self) -> None:
        """Cancel what would ring later."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
