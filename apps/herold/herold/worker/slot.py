"""A slot: one connection to the ledger, one to a relay, one window at a time.

The order is the whole point: the intent is committed, then the first byte leaves; the reply is read, then the receipt
is recorded, and the next intent with it. `kill -9` may fall between any two lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from typing import Protocol

import psycopg

from herold.audience.addresses import domain_of
from herold.audience.allowlist import is_allowed
from herold.channels.outcome import Outcome, RouteFault
from herold.channels.smtp import Envelope, RouteFailed, SmtpConnection, SmtpRoute
from herold.errors import HeroldError
from herold.journal import Journal
from herold.ledger.claims import Kind, Nothing, Receipt, Window
from herold.ledger.holds import hold_run
from herold.ledger.senders import fault_lane, heal_lane
from herold.message.compose import CannotRender, Composed, Recipient
from herold.worker.books import Books, Who
from herold.worker.evidence import ACCEPTED, BEGUN, REFUSED, Evidence
from herold.worker.figures import Figures
from herold.worker.results import Results
from herold.worker.routes import Content, Routes

CONNECT_SECONDS = 30.0
REPLY_SECONDS = 120.0  # RFC 5321 4.5.3.2 asks for up to 10 minutes; a worker that hangs so long helps nobody
IDLE_SECONDS = 20.0


class Lanes(Who, Protocol):
    """What a slot asks of its worker."""

    stopping: bool

    def may_begin(self) -> bool: ...
    def lanes(self) -> list[tuple[int, int]]: ...
    async def wait_for_work(self) -> None: ...
    def lose_lease(self) -> None: ...
    def count(self, kinds: list[Kind]) -> None: ...


class Slot:
    """Claims, sends, records, until its worker stops."""

    def __init__(
        self,
        number: int,
        worker: Lanes,
        url: str,
        routes: Routes,
        evidence: Evidence,
        journal: Journal,
        figures: Figures,
    ) -> None:
        self.number = number
        self._worker = worker
        self._routes = routes
        self._evidence = evidence
        self._journal = journal.about(slot=number)
        self._figures = figures
        self._books = Books(worker, number, url, self._journal, figures)
        self._relay: SmtpConnection | None = None
        self._relay_route: SmtpRoute | None = None
        self._relay_used = 0.0
        self._faults: set[int] = set()
        self._braked = False
        self.run_id: int | None = None  # of the window in hand

    async def run(self) -> None:
        """The loop. Ends when the worker stops or its lease is gone; by then every receipt is recorded."""
        receipt: Receipt | None = None
        idle = 0
        try:
            while not self._worker.stopping:
                lanes = self._worker.lanes() if self._worker.may_begin() else []
                if not lanes:
                    if receipt is not None:
                        await self._books.record(receipt)
                        receipt = None
                    await self._hang_up_if_idle()
                    await self._worker.wait_for_work()
                    continue
                lane, sender = lanes[(self.number + idle) % len(lanes)]
                answer = await self._books.exchange(receipt, lane)
                receipt = None
                if isinstance(answer, Nothing):
                    if answer.status == "LeaseLost":
                        self._worker.lose_lease()
                        break
                    idle += 1
                    if idle % len(lanes) == 0:
                        await asyncio.sleep(max(answer.wait_ms, 1) / 1000)
                    continue
                self.run_id, self._braked = answer.run_id, False
                receipt = await self._carry_out(answer, sender)
                self.run_id = None
                if self._braked:
                    await self._hang_up()  # a stopped connection begins nothing any more
            if receipt is not None:
                await self._books.record(receipt)
        finally:
            await self._close()

    def brake(self) -> None:
        """Begin no further message of the window in hand."""
        if self.run_id is not None:
            self._braked = True
            if self._relay is not None:
                self._relay.stop_after_current()

    async def _carry_out(self, window: Window, sender: int) -> Receipt:
        count, began = len(window.positions), time.monotonic()
        self._figures.in_hand += count
        try:
            results = await self._send(window, sender)
        finally:
            self._figures.in_hand -= count
        self._figures.window(window.lane, results.kinds, results.codes, time.monotonic() - began)
        self._worker.count(results.kinds)
        if self._journal.is_debug:
            self._tell(window, results)
        return results.receipt(window)

    async def _send(self, window: Window, sender: int) -> Results:
        place = self._evidence.open_window(self.number, window.id)
        until = time.monotonic() + window.open_ms / 1000
        results = Results.of(len(window.positions))
        fault: RouteFault | None = None
        try:
            ledger = await self._books.connected()
            try:
                content = await self._routes.content(ledger, window.run_id)
            except HeroldError as error:
                # The campaign's fault: it waits for a person, all others go on.
                self._journal.write("error", "campaign_held", run=window.run_id, error=type(error).__name__)
                await hold_run(ledger, window.run_id, reason=f"CannotCompose: {error.message}")
                return results
            route = await self._routes.route(ledger, sender)
        except psycopg.OperationalError:
            return results  # nothing was begun; all of it comes back
        except HeroldError as error:
            fault = RouteFault(0, None, error.message, permanent=True)
        else:
            composed, indexes = self._compose(window, content, results)
            texts = await self._routes.sign(content.signer, composed)
            try:
                relay = await self._relay_to(route, window.lane)
            except RouteFailed as error:
                fault = error.fault
            else:
                fault = await self._hand_over(relay, window, composed, texts, indexes, place, until, results)
        await self._judge(window, results, fault)
        return results

    def _compose(self, window: Window, content: Content, results: Results) -> tuple[list[Composed], list[int]]:
        composed: list[Composed] = []
        indexes: list[int] = []
        for index, address in enumerate(window.addresses):
            # The last guard before the wire: whatever the ledger says, this profile reaches nobody else.
            if not is_allowed(address, domain_of(address), content.allow):
                results.fail(index, "OutsideAllowList")
                continue
            recipient = Recipient(
                window.positions[index],
                window.contact_ids[index],
                address,
                window.locales[index],
                json.loads(window.attributes[index]) if content.wants_attributes else {},
            )
            try:
                composed.append(content.composer.compose(recipient))
            except CannotRender as error:
                results.fail(index, f"CannotRender: {error.message}")
            else:
                indexes.append(index)
        return composed, indexes

    async def _hand_over(
        self,
        relay: SmtpConnection,
        window: Window,
        composed: list[Composed],
        texts: list[bytes],
        indexes: list[int],
        place: int,
        until: float,
        results: Results,
    ) -> RouteFault | None:
        mark = self._evidence.mark
        worker = self._worker

        def on_content(which: int) -> bool:
            if self._braked or worker.stopping or not worker.may_begin() or time.monotonic() > until:
                return False
            mark(place + indexes[which], BEGUN)
            return True

        def on_outcome(which: int, outcome: Outcome) -> None:
            index = indexes[which]
            results.put(index, outcome, window.positions[index])
            kind = results.kinds[index]
            if kind == "sent":
                mark(place + index, ACCEPTED)
            elif kind != "uncertain":
                mark(place + index, REFUSED)

        envelopes = [
            Envelope(message.mail_from, message.rcpt_to, text) for message, text in zip(composed, texts, strict=True)
        ]
        fault = await relay.send(envelopes, on_content=on_content, on_outcome=on_outcome, timeout=REPLY_SECONDS)
        self._relay_used = time.monotonic()
        return fault

    async def _judge(self, window: Window, results: Results, fault: RouteFault | None) -> None:
        """Pause the lane for the route's fault; a connection that ended after it had served is just opened anew."""
        lane = window.lane
        worked = "sent" in results.kinds
        if fault is not None:
            await self._hang_up()
            self._figures.faults[lane, str(fault.permanent).lower()] += 1
            self._journal.write(
                "error" if fault.permanent else "warning",
                "route_fault",
                run=window.run_id,
                window=window.id,
                lane=lane,
                code=fault.code,
                enhanced=fault.enhanced,
                # What the relay said may quote the message: it is in the ledger (lane.pause_reason), scrubbed.
                detail=fault.detail if fault.code == 0 else None,
                permanent=fault.permanent,
            )
        with contextlib.suppress(psycopg.OperationalError):
            ledger = await self._books.connected()
            if fault is not None and (fault.permanent or not worked):
                self._faults.add(lane)
                self._figures.pauses[lane] += 1
                await fault_lane(ledger, lane, reason=f"{fault.code} {fault.detail}"[:200], permanent=fault.permanent)
            elif worked and lane in self._faults:
                self._faults.discard(lane)
                await heal_lane(ledger, lane)

    def _tell(self, window: Window, results: Results) -> None:
        ids = {"run": window.run_id, "window": window.id, "lane": window.lane}
        self._journal.write("debug", "window", **ids, messages=len(results.kinds), **Counter[str](results.kinds))
        for index, kind in enumerate(results.kinds):
            if kind in ("deferred", "failed", "uncertain"):
                self._journal.write(
                    "debug",
                    "not_sent",
                    **ids,
                    position=window.positions[index],
                    attempt=window.attempts[index],
                    kind=kind,
                    code=results.codes[index],
                    enhanced=results.enhanced[index],
                )

    async def _relay_to(self, route: SmtpRoute, lane: int) -> SmtpConnection:
        if self._relay is not None and (not self._relay.is_open or self._relay_route != route):
            await self._hang_up()
        if self._relay is None:
            self._relay = await SmtpConnection.open(route, timeout=CONNECT_SECONDS)
            self._relay_route = route
            self._figures.opened[lane] += 1
            self._figures.connections += 1
        return self._relay

    async def _hang_up(self) -> None:
        relay, self._relay = self._relay, None
        if relay is not None:
            self._figures.connections -= 1
            await relay.close()

    async def _hang_up_if_idle(self) -> None:
        if self._relay is not None and time.monotonic() - self._relay_used > IDLE_SECONDS:
            await self._hang_up()

    async def _close(self) -> None:
        await self._hang_up()
        await self._books.close()
