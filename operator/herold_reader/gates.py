"""How much is done at the same time, and how much may wait for it: the rest is told to come again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from herold.errors import HeroldError
from herold_reader.protocol import Ask


class Busy(HeroldError):
    """Too many ask at once; the same question may be answered later."""

    exit_code = 5


class Gate:
    """At most `at_work` pass at a time; at most `waiting` others wait."""

    def __init__(self, at_work: int, waiting: int) -> None:
        self._passing = asyncio.Semaphore(at_work)
        self._most = at_work + waiting
        self._here = 0

    @property
    def here(self) -> int:
        """Who is at work or waits."""
        return self._here

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        """Raises Busy."""
        if self._here >= self._most:
            raise Busy("too many ask at the same time", hint="try again in a few seconds")
        self._here += 1
        try:
            async with self._passing:
                yield
        finally:
            self._here -= 1


# Connections to the ledger: `READING` for all but brakes, which have `BRAKING` of their own.
_HEAVY, _LIGHT, BRAKING = 2, 4, 2
READING = _HEAVY + _LIGHT


def build_gates() -> dict[Ask, Gate]:
    """Plans and reports read whole audiences: they keep neither explanations nor brakes waiting."""
    heavy, light = Gate(_HEAVY, 8), Gate(_LIGHT, 32)
    return {
        Ask.PLAN: heavy,
        Ask.REPORT: heavy,
        Ask.EXPLAIN: light,
        Ask.DELIVERIES: light,
        Ask.HOLD: Gate(BRAKING, 64),
    }
