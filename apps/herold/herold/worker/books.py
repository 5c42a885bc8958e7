"""A slot's side of the ledger: claims and receipts that survive a ledger that goes away in the middle of a COMMIT."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import UUID

import psycopg

from herold.journal import Journal
from herold.ledger.claims import Claim, Kind, Nothing, Receipt, Window, exchange, own_windows, record
from herold.ledger.database import AsyncConnection, connect_async
from herold.worker.figures import Figures

RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)


class Who(Protocol):
    """The worker in whose name claims are made."""

    worker: UUID
    epoch: int

    async def admit(self, ledger: AsyncConnection) -> object: ...


class Books:
    """One connection to the ledger, opened anew as often as needed."""

    def __init__(self, who: Who, slot: int, url: str, journal: Journal, figures: Figures) -> None:
        self._who = who
        self._slot = slot
        self._url = url
        self._journal = journal
        self._figures = figures
        self._ledger: AsyncConnection | None = None
        self._last = 0  # the newest window that this slot was given

    async def connected(self) -> AsyncConnection:
        """The connection, opened when there is none. Raises psycopg.OperationalError."""
        if self._ledger is None or self._ledger.closed:
            name = f"herold {self._who.worker.hex} {self._slot}"
            self._ledger = await connect_async(self._url, application=name)
            # A claim of a connection that was lost may still be at work in the server, and commit later unseen.
            await self._ledger.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE application_name = %s AND pid <> pg_backend_pid()",
                (name,),
            )
            await self._who.admit(self._ledger)
        return self._ledger

    async def exchange(self, receipt: Receipt | None, lane: int) -> Window | Nothing:
        """Record and claim; when the ledger goes away in the middle, first set right what may have happened."""
        claim = Claim(self._who.worker, self._who.epoch, self._slot, lane)
        try:
            ledger = await self.connected()
            began = time.monotonic()
            answer = await exchange(ledger, receipt, claim)
            self._figures.asked("claim" if receipt is None else "exchange", time.monotonic() - began)
            self._figures.answers[lane, "Claimed" if isinstance(answer, Window) else answer.status] += 1
            if isinstance(answer, Window):
                self._last = answer.id
            return answer
        except psycopg.OperationalError as error:
            self._figures.ledger_lost += 1
            self._journal.write("warning", "ledger_is_away", error=type(error).__name__)
            await self.close()
        # Whether that transaction was committed is unknown. Both ways are safe to walk again.
        if receipt is not None:
            await self.record(receipt)
        await self._give_back_unknown()
        return Nothing("Empty", 50)

    async def record(self, receipt: Receipt) -> None:
        """Until it is recorded. The outcomes stay in memory (and in the evidence) while the ledger is away."""

        async def write(ledger: AsyncConnection) -> None:
            began = time.monotonic()
            await record(ledger, receipt)
            self._figures.asked("record", time.monotonic() - began)

        await self._insist(write)

    async def _give_back_unknown(self) -> None:
        """Windows whose claim was committed although its answer was lost: nothing of them was begun.

        An older one was recorded long ago, by a ledger that was since put back to a copy of itself: nobody knows.
        """

        async def give_back(ledger: AsyncConnection) -> None:
            for window in await own_windows(ledger, self._who.worker, self._slot):
                count = len(window.positions)
                nothing: list[None] = [None] * count
                kinds: list[Kind] = ["returned" if window.id > self._last else "uncertain"] * count
                await record(
                    ledger,
                    Receipt(
                        window.run_id, window.id, window.positions, window.attempts, kinds, nothing, nothing, nothing
                    ),
                )

        await self._insist(give_back)

    async def _insist(self, act: Callable[[AsyncConnection], Awaitable[object]]) -> None:
        tries = 0
        while True:
            try:
                await act(await self.connected())
                return
            except psycopg.OperationalError as error:
                self._figures.ledger_lost += 1
                await self.close()
                if tries == 0:
                    self._journal.write("warning", "ledger_is_away", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
                tries += 1

    async def close(self) -> None:
        """Let the connection go; the next call opens another."""
        if self._ledger is not None:
            with contextlib.suppress(Exception):
                await self._ledger.close()
            self._ledger = None
