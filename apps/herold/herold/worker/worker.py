"""A worker: slots under one lease, and the heartbeat that keeps the lease, the brakes and the books."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from herold.journal import Journal
from herold.ledger import leases
from herold.ledger.claims import Kind
from herold.ledger.database import ANSWER_SECONDS, AsyncConnection, Unanswered, connect_async
from herold.ledger.fence import Fence, admit, mirror
from herold.ledger.maintenance import maintain
from herold.worker.evidence import Evidence, remembered
from herold.worker.figures import Figures
from herold.worker.recovery import Recovery, Taken
from herold.worker.routes import Routes
from herold.worker.slot import Slot

BEAT_SECONDS = 0.4
RENEW_SECONDS = 3.0
MAINTAIN_SECONDS = 1.0
CLOSE_SECONDS = 600.0  # closing a large run counts all of its rows
# The lease counts from before its renewal was sent; this much less, so that a taker's clock never wins.
LEASE_SECONDS = leases.TTL_SECONDS - 1.0


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """`senders` limits the worker to these ids; empty means all."""

    url: str
    key: bytes
    secrets_dir: Path | None
    evidence_dir: Path
    fence_file: Path
    slots: int
    senders: frozenset[int] = frozenset()


class Worker:
    """One lease of one process. When the lease is lost the process begins a new one, as another worker."""

    def __init__(self, settings: WorkerSettings, journal: Journal, figures: Figures) -> None:
        self.worker: UUID = uuid4()
        self.epoch = 0
        self.stopping = False
        self.lost = False
        self.counts: Counter[str] = Counter()
        self._settings = settings
        self._journal = journal.about(worker=self.worker)
        self._figures = figures
        self._evidence = Evidence(settings.evidence_dir, self.worker, settings.slots)
        self._routes = Routes(settings.key, settings.secrets_dir)
        self._recovery = Recovery(self.worker, settings.evidence_dir, self._remember)
        self._lanes: list[tuple[int, int]] = []
        self._work = asyncio.Event()
        self._accepted: int | None = None  # when a person had accepted the ledger last as this worker began
        self._domain_holds: int | None = None
        self._ledger: AsyncConnection | None = None
        self._books: asyncio.Timeout | None = None  # while there is something to do for the books
        self._slots = [
            Slot(number, self, settings.url, self._routes, self._evidence, self._journal, figures)
            for number in range(settings.slots)
        ]

    # What slots ask ---------------------------------------------------------------------------------------------

    def may_begin(self) -> bool:
        """False when the lease may be over: then nothing more may leave, whatever the window says."""
        return time.monotonic() < self._figures.lease_until

    def lanes(self) -> list[tuple[int, int]]:
        """(lane, sender) pairs in which something is due."""
        return self._lanes

    async def wait_for_work(self) -> None:
        self._work.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BEAT_SECONDS):
                await self._work.wait()

    def lose_lease(self) -> None:
        self.lost = True
        self.stop()

    def count(self, kinds: list[Kind]) -> None:
        self.counts.update(kinds)

    async def admit(self, ledger: AsyncConnection) -> Fence | None:
        """Every new connection may lead to a ledger that was restored: its claims stop before the first one (None)."""
        now = await admit(ledger, self._settings.fence_file, remembered(self._settings.evidence_dir))
        if now is None:
            self._journal.write("error", "ledger_regressed")
        elif self._accepted is None:
            self._accepted = now.accepted
            self._evidence.begin(now.accepted)
        elif now.accepted > self._accepted:
            self.stop()  # what this worker remembers is of a ledger that is no more: the process begins another
        return now

    # Life -------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """The normal end: messages under way are finished and recorded, the rest of their windows goes back."""
        self.stopping = True
        self._work.set()
        self._brake_all()

    async def run(self) -> None:
        """Until `stop`. Raises psycopg.OperationalError when the ledger does not answer at the very start."""
        began = time.monotonic()
        self._ledger = await self._connect()
        await self.admit(self._ledger)
        self.epoch = await leases.register(self._ledger, self.worker, host=socket.gethostname(), pid=os.getpid())
        self._figures.lease_until = began + LEASE_SECONDS
        self._journal.write("info", "started", slots=len(self._slots))
        others = [asyncio.create_task(self._beat_until_cancelled(began)), asyncio.create_task(self._keep_books())]
        slots = [asyncio.create_task(slot.run()) for slot in self._slots]
        try:
            # A worker without its heartbeat would sit there, alive and idle: it ends, and says why.
            running = {*slots, *others}
            while not all(slot.done() for slot in slots):
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            self.stop()
            await asyncio.gather(*slots, return_exceptions=True)
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await self._end()
        self._journal.write("info", "stopped", lost=self.lost, **self.counts)

    async def _end(self) -> None:
        self._figures.lease_until = 0.0
        with contextlib.suppress(psycopg.OperationalError):
            if self._ledger is None or self._ledger.closed:
                self._ledger = await self._connect()
            seen = await self.admit(self._ledger)
            if ended := await leases.end(self._ledger, self.worker, self.epoch):
                mirror(self._settings.fence_file, seen)
            self._evidence.close(forget=ended)
            await self._ledger.close()
        self._routes.close()

    async def _remember(self, ledger: AsyncConnection) -> bool:
        """Before a dead worker's evidence goes: nobody else may remember its windows. False: nothing is mirrored."""
        seen = await self.admit(ledger)
        if not await leases.renew(ledger, self.worker, self.epoch):
            return False
        mirror(self._settings.fence_file, seen)
        return seen is not None

    async def _connect(self, answer_seconds: float = ANSWER_SECONDS) -> AsyncConnection:
        name = f"herold {self.worker.hex} beat"
        return await connect_async(self._settings.url, application=name, answer_seconds=answer_seconds)

    async def _beat_until_cancelled(self, began: float) -> None:
        renewed = began
        while True:
            self._figures.beat_at = time.monotonic()
            try:
                if self._ledger is None or self._ledger.closed:
                    self._ledger = await self._connect()
                async with asyncio.timeout(leases.TTL_SECONDS):
                    # First: a renewal would hide that one was forgotten.
                    seen = await self.admit(self._ledger)
                    now = time.monotonic()
                    if now - renewed >= RENEW_SECONDS:
                        await self._renew(self._ledger, now, seen)
                        renewed = now
                    await self._look(self._ledger)
            except (psycopg.OperationalError, TimeoutError) as error:
                self._figures.ledger_lost += 1
                self._journal.write("warning", "ledger_is_away", error=type(error).__name__)
                if self._ledger is not None:
                    with contextlib.suppress(Exception):
                        await self._ledger.close()
                self._ledger = None
                if isinstance(error, Unanswered | TimeoutError):
                    self._give_up_books()
            await asyncio.sleep(BEAT_SECONDS)

    def _give_up_books(self) -> None:
        """They wait for the same server that does not answer, and would much longer."""
        books, self._books = self._books, None
        if books is not None:
            books.reschedule(0)

    async def _renew(self, ledger: AsyncConnection, now: float, seen: Fence | None) -> None:
        if await leases.renew(ledger, self.worker, self.epoch):
            mirror(self._settings.fence_file, seen)
            self._figures.lease_until = now + LEASE_SECONDS
            self._figures.renewals += 1
        else:
            self._figures.lease_until = 0.0
            self._figures.leases_lost += 1
            self._journal.write("error", "lease_lost")
            self._brake_all()
            self.lose_lease()

    async def _look(self, ledger: AsyncConnection) -> None:
        """Brakes first, then work."""
        in_hand = sorted({slot.run_id for slot in self._slots if slot.run_id is not None})
        if in_hand:
            rows = await (await ledger.execute("SELECT run_id FROM worker_braked(%s)", (in_hand,))).fetchall()
            braked = {row[0] for row in rows}
            for slot in self._slots:
                if slot.run_id in braked:
                    slot.brake()
        asked = time.time()
        newest = "SELECT coalesce(max(id), 0), extract(epoch FROM clock_timestamp())::float8 FROM hold"
        row = await (await ledger.execute(f"{newest} WHERE scope = 'Domain'")).fetchone()
        assert row is not None
        self._figures.clock_offset = (asked + time.time()) / 2 - row[1]
        if self._domain_holds is not None and row[0] > self._domain_holds:
            self._brake_all()  # the next claim leaves the held domain out
        self._domain_holds = row[0]
        lanes = await (await ledger.execute("SELECT lane_id, sender_id FROM worker_lanes()")).fetchall()
        await self._name(ledger, [lane for lane, _ in lanes])
        wanted = self._settings.senders
        self._lanes = [(lane, sender) for lane, sender in lanes if not wanted or sender in wanted]
        if self._lanes:
            self._work.set()

    async def _name(self, ledger: AsyncConnection, lanes: list[int]) -> None:
        """For those who watch: what lanes are called."""
        new = [lane for lane in lanes if lane not in self._figures.places]
        if not new:
            return
        found = await ledger.execute(
            "SELECT l.id, s.namespace || '/' || s.name, l.name FROM lane l JOIN sender s ON s.id = l.sender_id "
            "WHERE l.id = ANY (%s)",
            (new,),
        )
        self._figures.places.update({lane: (sender, name) for lane, sender, name in await found.fetchall()})

    def _brake_all(self) -> None:
        for slot in self._slots:
            slot.brake()

    def _took_over(self, taken: Taken) -> None:
        self._figures.takeovers += taken.leases
        self._figures.taken.update(taken.kinds)
        level = "warning" if taken.kinds["uncertain"] else "info"
        self._journal.write(level, "took_over", leases=taken.leases, **Counter[str](taken.kinds))

    async def _keep_books(self) -> None:
        """On a connection of its own: closing a large run takes longer than a beat."""
        ledger: AsyncConnection | None = None
        try:
            while True:
                try:
                    if ledger is None or ledger.closed:
                        ledger = await self._connect(CLOSE_SECONDS)
                    async with asyncio.timeout(None) as self._books:
                        await self.admit(ledger)
                        taken = await self._recovery.step(ledger)
                        if taken.leases:
                            self._took_over(taken)
                        for run_id in await maintain(ledger):
                            self._journal.write("info", "run_closed", run=run_id)
                except (psycopg.OperationalError, TimeoutError) as error:
                    self._figures.ledger_lost += 1
                    self._journal.write("warning", "ledger_is_away", error=type(error).__name__)
                    if ledger is not None:
                        await ledger.close()
                finally:
                    self._books = None
                await asyncio.sleep(MAINTAIN_SECONDS)
        finally:
            if ledger is not None:
                await ledger.close()


async def serve(settings: WorkerSettings, journal: Journal, figures: Figures) -> None:
    """Work until SIGTERM or SIGINT. A lost lease begins a new one, as another worker."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    while not asked.is_set():
        worker = Worker(settings, journal, figures)
        running = asyncio.create_task(worker.run())
        waiting = asyncio.create_task(asked.wait())
        try:
            await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
            worker.stop()
            await running
        finally:
            waiting.cancel()
