"""Random faults against the real sink, through a proxy that cuts: what we say we sent is what was accepted."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop

from herold.channels.outcome import Deferred, NotSent, Rejected, Sent, Unknown
from herold.channels.route import CHAINED, GROUPED, STEPWISE
from herold.channels.smtp import Envelope, RouteFailed, SmtpConnection, SmtpRoute
from parts.fault_proxy import Break, fault_proxy
from parts.scripted_relay import Window, envelopes, plain_route, send_window
from parts.smtp_sink import SmtpSink, smtp_sink

FAULTS = [
    "451:0.03", "452:0.03", "5.1.1:0.03", "552:0.03", "text-451:0.03", "421:0.02", "454:0.02", "5.7.1:0.01",
    "text-421:0.02", "drop-rcpt:0.02", "drop-text:0.02", "drop-accepted:0.03", "garbage:0.02", "garbage-accepted:0.02",
]  # fmt: skip


@dataclass
class Tally:
    """What a campaign was told in the end, by recipient."""

    sent: set[bytes] = field(default_factory=set)
    unknown: set[bytes] = field(default_factory=set)
    rejected: set[bytes] = field(default_factory=set)
    left: list[Envelope] = field(default_factory=list)

    def take(self, window: Window) -> None:
        """Sort one window's outcomes; NotSent and Deferred come again."""
        self.left = []
        for index, outcome in sorted(window.outcomes.items()):
            envelope = window.envelopes[index]
            match outcome:
                case Sent():
                    self.sent.add(envelope.rcpt_to)
                case Unknown():
                    self.unknown.add(envelope.rcpt_to)
                case Rejected():
                    self.rejected.add(envelope.rcpt_to)
                case NotSent() | Deferred():
                    self.left.append(envelope)
            if isinstance(outcome, Sent | Unknown):
                assert index in window.begun, outcome


async def until_done(route: SmtpRoute, messages: list[Envelope]) -> Tally:
    """Send windows over new connections until nothing is left to send."""
    tally = Tally(left=messages)
    for _ in range(2000):
        if not tally.left:
            return tally
        try:
            connection = await SmtpConnection.open(route, timeout=5)
        except RouteFailed:
            continue
        while tally.left and connection.is_open:
            window = Window(tally.left[:50])
            rest = tally.left[50:]
            tally.take(await window.send(connection, timeout=5))
            tally.left += rest
        await connection.close()
    raise AssertionError("it never ended")


def accounts(sink: SmtpSink, tally: Tally, messages: list[Envelope]) -> None:
    """The oracle."""
    accepted = Counter(recipient.encode() for _, recipient in sink.accepted())
    assert not [recipient for recipient, count in accepted.items() if count > 1], "twice"
    assert tally.sent <= accepted.keys(), "said to be sent, and lost"
    assert accepted.keys() <= tally.sent | tally.unknown, "sent, and not said"
    assert not tally.rejected & accepted.keys()
    everyone = {envelope.rcpt_to for envelope in messages}
    assert len(tally.sent) + len(tally.unknown) + len(tally.rejected) == len(everyone)
    assert len(tally.sent) <= len(accepted) <= len(tally.sent) + len(tally.unknown)


@pytest.mark.parametrize("ceiling", [STEPWISE, GROUPED, CHAINED])
@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_relay_does_the_books_agree_with_its_log(seed: int, ceiling: int, tmp_path: Path) -> None:
    options = [word for fault in FAULTS for word in ("--fault", fault)]
    messages = envelopes(400, name=f"s{seed}-")
    with smtp_sink(tmp_path / "log", "--seed", str(seed), *options) as sink:
        tally = uvloop.run(until_done(plain_route(sink.port, ceiling=ceiling), messages))
        accounts(sink, tally, messages)
        struck = sink.control.counts()["faults"]
        assert len(struck) >= 9, struck
        # Exactly those whose final dot left and who got no answer that is one.
        unanswered = ("drop-accepted", "garbage-accepted", "drop-text")
        assert len(tally.unknown) == sum(struck.get(kind, 0) for kind in unanswered)
        assert len(tally.rejected) > 0


@pytest.mark.parametrize("ceiling", [STEPWISE, GROUPED, CHAINED])
@pytest.mark.parametrize("seed", range(4))
def test_wherever_the_connection_is_cut_the_books_agree_with_the_log(seed: int, ceiling: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    messages = envelopes(60, name=f"s{seed}-", content=b"Subject: x\r\n\r\n" + b"y" * 500 + b"\r\n")
    unknown = 0
    with smtp_sink(tmp_path / "log") as sink, fault_proxy(("127.0.0.1", sink.port)) as proxy:

        async def scene() -> Tally:
            tally = Tally(left=messages)
            route = plain_route(proxy.port, ceiling=ceiling)
            while tally.left:
                direction, most = dice.choice((("to_server", 6000), ("to_client", 900)))
                proxy.set_break(
                    Break("Cut", "to_server" if direction == "to_server" else "to_client", dice.randrange(most))
                )
                try:
                    connection = await SmtpConnection.open(route, timeout=5)
                except RouteFailed:
                    continue
                tally.take(await Window(tally.left).send(connection, timeout=5))
                await connection.close()
            return tally

        tally = uvloop.run(scene())
        unknown = len(tally.unknown)
        assert proxy.broken > 3
        # What the sink read before the cut is handled before a later connection is answered.
        asyncio.run(send_window(plain_route(sink.port), envelopes(1, name="last")))
        messages = [*messages, *envelopes(1, name="last")]
        tally.sent.add(b"last0@example.com")
        accounts(sink, tally, messages)
    assert unknown < 60


def test_a_corrupt_byte_in_the_replies_never_makes_a_message_sent_twice_or_lost(tmp_path: Path) -> None:
    messages = envelopes(40)
    with smtp_sink(tmp_path / "log") as sink, fault_proxy(("127.0.0.1", sink.port)) as proxy:

        async def scene() -> Tally:
            tally = Tally(left=messages)
            route = plain_route(proxy.port)
            place = 200
            while tally.left:
                place += 7
                proxy.set_break(Break("Corrupt", "to_client", place))
                try:
                    connection = await SmtpConnection.open(route, timeout=5)
                except RouteFailed:
                    continue
                tally.take(await Window(tally.left).send(connection, timeout=0.5))
                await connection.close()
            return tally

        accounts(sink, uvloop.run(scene()), messages)
        assert proxy.broken > 0


def test_a_stalled_network_leaves_one_unknown_at_most(tmp_path: Path) -> None:
    kinds: list[str] = []
    with smtp_sink(tmp_path / "log") as sink, fault_proxy(("127.0.0.1", sink.port)) as proxy:
        for place in range(600, 720, 15):
            before = len(sink.accepted())
            proxy.set_break(Break("Stall", "to_client", place))
            window = uvloop.run(send_window(plain_route(proxy.port), envelopes(20), timeout=0.2))
            assert window.fault is not None
            sent, unknown = window.kinds().count("Sent"), window.kinds().count("Unknown")
            assert unknown <= 1
            assert 0 < sent <= len(sink.accepted()) - before <= sent + unknown
            kinds += window.kinds()
    assert "Unknown" in kinds
