"""Takes notices to whoever is to have them, beside the work: a receiver that is slow or gone holds up nobody else.

At least once each, those of one campaign in their order. Each attempt is written down before it is made, so that what
dies with its operator comes again; the receipt after it, so that what arrived may come again too, with the same id. The
ledger is asked when something was written, when a pause is over, and at the beginning; never in between.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from herold.errors import HeroldError, Temporary
from herold.journal import Journal, place_of
from herold.ledger.notices import (
    End,
    Outbox,
    Waiting,
    look_at_notices,
    postpone_notice,
    settle_notice,
    sweep_notices,
    take_notice,
)
from herold_operator.health import Health
from herold_operator.ledger import Ledger
from herold_operator.receivers import Receivers
from herold_operator.shares import Shares
from herold_operator.webhook import Answer, Delivered, Failed, Poster, Refused

# The ledger is looked at so often at most, however much is written.
LOOK_SECONDS = 0.2
FILES_SECONDS = 5.0
SWEEP_SECONDS = 3600.0
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 3600.0
_Place = tuple[str, str]


def pause_after(attempts: int, chance: float) -> float:
    """Seconds from an attempt to the next; `attempts` were made before it, `chance` is in [0, 1)."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 4.0 ** min(attempts, 10))
    return pause * (0.75 + chance / 2)


@dataclass(slots=True)
class Courier:
    """`serve` for as long as this replica leads; `wake` when something was written. `swept` is called when the ledger
    may have forgotten what was told."""

    ledger: Ledger
    receivers: Receivers
    journal: Journal
    health: Health
    swept: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    _shares: Shares = field(default_factory=Shares)
    _flying: set[_Place] = field(default_factory=set)
    _due: list[Waiting] = field(default_factory=list)  # of the last look, and not begun
    _look_at: float = 0.0
    _looked: float = -math.inf
    _sweep_at: float = 0.0
    _some: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Look at the ledger soon."""
        self._look_at = self._looked + LOOK_SECONDS
        self._some.set()

    async def serve(self) -> None:
        """For ever."""
        poster = Poster()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._some.clear()
                    if self.receivers.refresh():
                        self._look_at = self._sweep_at = 0.0
                        self._shares.forget()
                    if self.receivers.namespaces == []:
                        # There is nobody to tell, until a file says otherwise.
                        self._look_at, self.health.notice_since = math.inf, None
                    elif self.clock() >= self._look_at:
                        await self._look()
                    self._begin(group, poster)
                    await self._wait()
        finally:
            await poster.close()

    async def _wait(self) -> None:
        """Until something is due; files are looked at every few seconds."""
        now = self.clock()
        pause_ends = self._shares.next_at(now) if self._due else math.inf
        try:
            async with asyncio.timeout(min(FILES_SECONDS, max(0.0, min(self._look_at, pause_ends) - now))):
                await self._some.wait()
        except TimeoutError:
            return

    async def _look(self) -> None:
        try:
            namespaces = self.receivers.namespaces
            if self.clock() >= self._sweep_at:
                await self.ledger.call(lambda connection: sweep_notices(connection, namespaces))
                self._sweep_at = self.clock() + SWEEP_SECONDS
                self.swept()
            self._look_at, self._looked = math.inf, self.clock()
            outbox = await self.ledger.call(lambda connection: look_at_notices(connection, namespaces))
        except HeroldError as error:
            level = "debug" if isinstance(error, Temporary) else "warning"
            self.journal.write(level, "notices_not_read", error=type(error).__name__, message=error.message[:300])
            self._look_at = self.clock() + FILES_SECONDS
            return
        self._account(outbox)
        self._look_at = min([self._look_at, *(self._looked + each.wait for each in outbox.waiting if each.wait > 0)])
        due = [each for each in outbox.waiting if each.wait == 0]
        self._due = sorted(due, key=lambda notice: self._shares.is_failing(notice.namespace))

    def _begin(self, group: asyncio.TaskGroup, poster: Poster) -> None:
        """Post what is due and may be."""
        left, now = [], self.clock()
        for notice in self._due:
            place = notice.namespace, notice.name
            if place in self._flying:
                continue  # a look finds its next one when it is back
            if not self._shares.take(notice.namespace, now):
                left.append(notice)
                continue
            self._flying.add(place)
            group.create_task(self._fly(poster, notice))
        self._due = left

    def _account(self, outbox: Outbox) -> None:
        self.health.notice_since = self.clock() - outbox.oldest if outbox.oldest else None
        for namespace, name, kind in outbox.given_up:
            self.health.notices.labels("given_up").inc()
            self.journal.write("error", "notice_given_up", resource=f"{namespace}/{name}", kind=kind)

    async def _fly(self, poster: Poster, notice: Waiting) -> None:
        answer: Answer | None = None
        try:
            answer = await self._deliver(poster, notice)
        except HeroldError as error:  # the ledger: it comes again
            self.journal.write("debug", "notices_not_read", error=type(error).__name__, message=error.message[:300])
            await asyncio.sleep(FIRST_PAUSE)
        except Exception as error:
            # One notice's trouble is nobody else's. Its text may quote an address: only its kind is logged.
            self.journal.write("error", "notice_broke", error=type(error).__name__, where=place_of(error))
            await asyncio.sleep(FILES_SECONDS)
        finally:
            failed, wish = isinstance(answer, Failed), answer.wish if isinstance(answer, Failed) else 0.0
            self._shares.give_back(notice.namespace, self.clock(), failed=failed, wish=wish)
            self._flying.discard((notice.namespace, notice.name))
            self.wake()

    async def _deliver(self, poster: Poster, notice: Waiting) -> Answer | None:
        """None: it was not this one's turn any more."""
        pause = pause_after(notice.attempts, self.chance())
        if not await self.ledger.call(lambda connection: take_notice(connection, notice, pause=pause)):
            return None
        receiver = self.receivers.of(notice.namespace)
        answer: Answer = Failed(error="Unusable")
        if receiver is not None:
            answer = await poster.post(receiver, notice.id, notice.body)
        self._say(notice, answer)
        if isinstance(answer, Failed):
            wish = answer.wish
            if wish > pause:
                await self.ledger.call(lambda connection: postpone_notice(connection, notice, pause=wish))
        else:
            end: End = "Delivered" if isinstance(answer, Delivered) else "Refused"
            await self.ledger.call(lambda connection: settle_notice(connection, notice, end))
        return answer

    def _say(self, notice: Waiting, answer: Answer) -> None:
        resource = f"{notice.namespace}/{notice.name}"
        journal = self.journal.about(resource=resource, kind=notice.type, attempt=notice.attempts + 1)
        match answer:
            case Delivered():
                self.health.notices.labels("delivered").inc()
                journal.write("debug", "notice_delivered")
            case Refused():
                self.health.notices.labels("refused").inc()
                journal.write("error", "notice_refused", status=410)
            case Failed(status, error):
                self.health.notices.labels("failed").inc()
                journal.write("warning", "notice_failed", status=status or None, error=error or None)
