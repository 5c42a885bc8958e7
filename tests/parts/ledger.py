"""The worker's statements, called one at a time on a real ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID, uuid4

from herold.ledger import leases
from herold.ledger.claims import Claim, Kind, Nothing, Receipt, Window, exchange, record
from herold.ledger.database import AsyncConnection, connect_async
from herold.ledger.maintenance import maintain

T = TypeVar("T")


class Hand:
    """One registered worker, driven by hand: each call is one transaction on a connection of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.worker: UUID = uuid4()
        self.call(lambda ledger: leases.register(ledger, self.worker, host="test", pid=1))

    def call(self, act: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run one coroutine against the ledger."""

        async def once() -> T:
            ledger = await connect_async(self.url, application="hand")
            try:
                return await act(ledger)
            finally:
                await ledger.close()

        return asyncio.run(once())

    def claim(self, lane: int = 1, limit: int = 200, receipt: Receipt | None = None) -> Window | Nothing:
        """Ask once."""
        return self.call(lambda ledger: exchange(ledger, receipt, Claim(self.worker, 1, 0, lane, limit)))

    def window(self, lane: int = 1, limit: int = 200) -> Window:
        """Ask until there is a window; a bucket that starts empty needs a moment."""
        for _ in range(200):
            answer = self.claim(lane, limit)
            if isinstance(answer, Window):
                return answer
            assert answer.status in ("Pacing", "Empty"), answer.status
        raise AssertionError("no window")

    def record(self, window: Window, *kinds: Kind, code: int | None = None, detail: str | None = None) -> bool:
        """Record these kinds, in order; the last one stands for all that follow."""
        count = len(window.positions)
        full = [*kinds, *[kinds[-1]] * (count - len(kinds))]
        receipt = Receipt(
            window.run_id, window.id, window.positions, window.attempts, full, [code] * count, [None] * count,
            [detail] * count,
        )  # fmt: skip
        return self.call(lambda ledger: record(ledger, receipt))

    def maintain(self) -> list[int]:
        """Sweep and close."""
        return self.call(maintain)
