"""Single conversations with a relay that says exactly what a script says."""

from __future__ import annotations

import asyncio

import pytest

from herold.channels.outcome import Deferred, NotSent, Rejected, RouteFault, Sent, Unknown
from herold.channels.route import CHAINED, GROUPED, STEPWISE
from herold.channels.smtp import Envelope, SmtpConnection
from parts.scripted_relay import TEXT, Talk, Window, envelopes, plain_route, scripted_relay, send_window

GROUPING = pytest.mark.parametrize("ceiling", [STEPWISE, GROUPED, CHAINED])
REFUSALS = [
    ("451 4.3.0 later", Deferred(451, "4.3.0", "later")),
    ("452 4.2.2 full", Deferred(452, "4.2.2", "full")),
    ("552 5.3.4 too large", Rejected(552, "5.3.4", "too large", suppress=False)),
    ("550 5.1.1 nobody", Rejected(550, "5.1.1", "nobody", suppress=True)),
    ("550 nobody", Rejected(550, None, "nobody", suppress=False)),
]
ROUTE_CODES = pytest.mark.parametrize(
    ("reply", "permanent"),
    [("421 4.3.2 closing", False), ("454 throttled", False), ("550 5.7.1 not allowed", True), ("535 5.7.8 who", True)],
)


async def accept(talk: Talk, count: int) -> None:
    """Accept messages of a client that groups."""
    for _ in range(count):
        await talk.group()
        talk.say("250 ok", "250 ok", "354 go on")
        await talk.text()
        talk.say("250 2.0.0 accepted")


def expect_rest(window: Window, first: int) -> None:
    """All from `first` on were not begun."""
    for index in range(first, len(window.envelopes)):
        assert isinstance(window.outcomes[index], NotSent), index
        assert index not in window.begun, index


@pytest.mark.parametrize(("reply", "expected"), [("250 2.0.0 queued as 4XYZ", Sent(250, "queued as 4XYZ")), *REFUSALS])
def test_the_reply_to_the_text_decides(reply: str, expected: object) -> None:
    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await accept(talk, 5)
        await talk.group()
        talk.say("250 ok", "250 ok", "354 go on")
        await talk.text()
        talk.say(reply)
        await accept(talk, 2)

    async def scene() -> None:
        async with scripted_relay(script) as port:
            window = await send_window(plain_route(port), envelopes(8))
            assert window.fault is None
            assert window.outcomes[5] == expected
            assert window.kinds()[:5] + window.kinds()[6:] == ["Sent"] * 7

    asyncio.run(scene())


@pytest.mark.parametrize(("reply", "expected"), REFUSALS)
@GROUPING
def test_the_reply_to_rcpt_decides_for_that_recipient_alone(reply: str, expected: object, ceiling: int) -> None:
    async def script(talk: Talk) -> None:
        await talk.hello(*(["PIPELINING"] if ceiling else []))
        texts = 0
        while (line := await talk.line()) != "QUIT":
            if line.startswith("RCPT"):
                bad = "user2@" in line
                talk.say(reply if bad else "250 ok")
            elif line == "DATA":
                talk.say("503 5.5.1 no valid recipients" if bad else "354 go on")
                if not bad:
                    await talk.text()
                    texts += 1
                    talk.say("250 accepted")
            elif line == "RSET":
                assert bad
                talk.say("250 ok")
            else:
                talk.say("250 ok")
        assert texts == 5

    async def scene() -> None:
        async with scripted_relay(script) as port:
            window = await send_window(plain_route(port, ceiling=ceiling), envelopes(6))
            assert window.fault is None
            assert window.outcomes[2] == expected
            assert window.begun == [0, 1, 3, 4, 5]
            assert window.kinds().count("Sent") == 5

    asyncio.run(scene())


@pytest.mark.parametrize("answer", ["250 nothing done", "554 5.5.1 no valid recipients"])
def test_data_accepted_without_a_recipient_is_ended_by_a_single_dot(answer: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await talk.group()
        talk.say("250 ok", "550 5.1.1 nobody", "354 go on")
        assert await talk.text() == b""
        talk.say(answer)
        assert await talk.line() == "RSET"
        talk.say("250 ok")
        await accept(talk, 1)

    async def scene() -> None:
        async with scripted_relay(script) as port:
            window = await send_window(plain_route(port), envelopes(2))
            assert window.fault is None
            assert window.kinds() == ["Rejected", "Sent"]
            assert window.begun == [1]

    asyncio.run(scene())


@ROUTE_CODES
@GROUPING
@pytest.mark.parametrize("place", ["MAIL", "RCPT", "DATA", "text"])
def test_a_fault_of_the_route_ends_the_window_and_costs_nobody_an_attempt(
    place: str, ceiling: int, reply: str, permanent: bool
) -> None:
    async def script(talk: Talk) -> None:
        await talk.hello(*(["PIPELINING"] if ceiling else []))
        seen = 0
        while True:
            verb = await talk.verb()
            seen += verb == "MAIL"
            if seen == 6 and verb == place:
                talk.say(reply)
                break
            talk.say("354 go on" if verb == "DATA" else "250 ok")
            if verb == "DATA":
                await talk.text()
                if seen == 6:
                    talk.say(reply)
                    break
                talk.say("250 accepted")
        await talk.gone()

    async def scene() -> None:
        async with scripted_relay(script) as port:
            connection = await SmtpConnection.open(plain_route(port, ceiling=ceiling), timeout=10)
            window = await Window(envelopes(9)).send(connection)
            assert window.kinds() == ["Sent"] * 5 + ["NotSent"] * 4
            assert window.fault is not None
            assert window.fault.code == int(reply[:3])
            assert window.fault.permanent is permanent
            assert not connection.is_open
            expect_rest(window, 6)

    asyncio.run(scene())


@pytest.mark.parametrize("noise", ["\x00\x15 noise", "354 go on", "299-never ends", "999 what"])
def test_noise_instead_of_the_reply_to_a_text_leaves_it_unknown(noise: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await accept(talk, 4)
        await talk.group()
        talk.say("250 ok", "250 ok", "354 go on")
        await talk.text()
        talk.say(noise, noise)
        if noise.startswith("299"):
            return
        await talk.gone()

    async def scene() -> None:
        async with scripted_relay(script) as port:
            window = await send_window(plain_route(port), envelopes(8))
            assert window.kinds() == ["Sent"] * 4 + ["Unknown"] + ["NotSent"] * 3
            assert window.fault is not None
            assert not window.fault.permanent

    asyncio.run(scene())


@GROUPING
@pytest.mark.parametrize("how", ["lost", "silent"])
def test_a_text_whose_dot_left_and_that_nobody_answers_is_unknown_and_the_rest_not_sent(ceiling: int, how: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.hello(*(["PIPELINING"] if ceiling else []))
        for number in range(6):
            for _ in range(2):
                await talk.line()
                talk.say("250 ok")
            await talk.line()
            talk.say("354 go on")
            await talk.text()
            if number == 5:
                break
            talk.say("250 accepted")
        if how == "silent":
            await talk.gone()

    async def scene() -> None:
        async with scripted_relay(script) as port:
            window = await send_window(plain_route(port, ceiling=ceiling), envelopes(8), timeout=0.3)
            assert window.kinds() == ["Sent"] * 5 + ["Unknown"] + ["NotSent"] * 2
            assert window.begun == list(range(6))
            assert window.fault is not None
            assert window.fault.code == 0

    asyncio.run(scene())


@GROUPING
@pytest.mark.parametrize("how", ["lost", "silent"])
@pytest.mark.parametrize("place", ["MAIL", "RCPT", "DATA"])
def test_a_message_whose_text_was_not_begun_is_not_sent(ceiling: int, how: str, place: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.hello(*(["PIPELINING"] if ceiling else []))
        seen = 0
        while True:
            verb = await talk.verb()
            seen += verb == "MAIL"
            if seen == 5 and verb == place:
                break
            talk.say("354 go on" if verb == "DATA" else "250 ok")
            if verb == "DATA":
                await talk.text()
                talk.say("250 accepted")
        if how == "silent":
            await talk.gone()

    async def scene() -> None:
        async with scripted_relay(script) as port:
            window = await send_window(plain_route(port, ceiling=ceiling), envelopes(7), timeout=0.3)
            assert window.kinds() == ["Sent"] * 4 + ["NotSent"] * 3
            assert window.begun == [0, 1, 2, 3]
            assert window.fault is not None

    asyncio.run(scene())


def test_a_relay_that_drips_never_outlasts_the_deadline() -> None:
    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await talk.group()
        while True:
            talk.raw(b"250-again\r\n")
            await talk.writer.drain()
            await asyncio.sleep(0.01)

    async def scene() -> None:
        async with scripted_relay(script) as port, asyncio.timeout(5):
            window = await send_window(plain_route(port), envelopes(3), timeout=0.2)
            assert window.kinds() == ["NotSent"] * 3
            assert window.fault is not None

    asyncio.run(scene())


def test_replies_are_waited_for_one_by_one_so_a_slow_relay_is_not_a_silent_one() -> None:
    async def script(talk: Talk) -> None:
        await talk.hello()
        while (verb := await talk.verb()) != "QUIT":
            await asyncio.sleep(0.1)
            talk.say("354 go on" if verb == "DATA" else "250 ok")
            if verb == "DATA":
                await talk.text()
                talk.say("250 accepted")

    async def scene() -> None:
        async with scripted_relay(script) as port:
            window = await send_window(plain_route(port), envelopes(2), timeout=0.45)
            assert window.kinds() == ["Sent", "Sent"]

    asyncio.run(scene())


def test_a_long_text_that_the_relay_stops_reading_was_never_ended_and_is_not_sent() -> None:
    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await talk.group()
        talk.say("250 ok", "250 ok", "354 go on")
        talk.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async def scene() -> None:
        long = b"x" * 998 + b"\r\n"
        async with scripted_relay(script) as port:
            window = await send_window(plain_route(port), envelopes(2, content=long * 20_000), timeout=0.5)
            assert window.kinds() == ["NotSent", "NotSent"]
            assert window.begun == [0]

    asyncio.run(scene())


@pytest.mark.parametrize(("reply", "kind"), [("552 5.3.4 too large", "Rejected"), ("421 closing", "NotSent")])
def test_an_answer_in_the_middle_of_a_text_ends_the_connection(reply: str, kind: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await talk.group()
        talk.say("250 ok", "250 ok", "354 go on")
        await talk.reader.readexactly(100_000)
        talk.say(reply)
        talk.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async def scene() -> None:
        long = b"x" * 998 + b"\r\n"
        async with scripted_relay(script) as port:
            window = await send_window(plain_route(port), envelopes(2, content=long * 20_000))
            assert window.kinds() == [kind, "NotSent"]
            assert window.fault is not None

    asyncio.run(scene())


def test_a_long_text_arrives_whole_and_exactly() -> None:
    content = b"".join(b"%060d\r\n..dots\r\n" % number for number in range(20_000))
    received: list[bytes] = []

    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING", "SIZE 99999999")
        for _ in range(2):
            mail = await talk.line()
            assert mail.endswith(f" SIZE={len(content)}"), mail
            await talk.line()
            await talk.line()
            talk.say("250 ok", "250 ok", "354 go on")
            received.append(await talk.text())
            talk.say("250 accepted")

    async def scene() -> None:
        async with scripted_relay(script) as port:
            window = await send_window(plain_route(port), envelopes(2, content=content))
            assert window.kinds() == ["Sent", "Sent"]

    asyncio.run(scene())
    assert received == [content, content]


def test_what_the_relay_announces_is_used_and_nothing_else() -> None:
    lines: list[str] = []

    async def script(talk: Talk, *words: str) -> None:
        await talk.hello(*words)
        for _ in range(2):
            lines.append(await talk.line())
            talk.say("250 ok")
            lines.append(await talk.line())
            talk.say("250 ok")
            assert await talk.line() == "DATA"
            talk.say("354 go on")
            await talk.text()
            talk.say("250 accepted")

    async def scene() -> None:
        eight = TEXT + "żółw\r\n".encode()
        messages = [Envelope(b"b@bounce.example", b"a@example.com", text) for text in (TEXT, eight)]
        async with scripted_relay(
            lambda talk: script(talk, "8BITMIME", "SIZE 100000"), lambda talk: script(talk, "SIZE", "8BITMIME")
        ) as port:
            for _ in range(2):
                assert (await send_window(plain_route(port), messages)).kinds() == ["Sent", "Sent"]
        size = len(eight)
        assert lines[0] == f"MAIL FROM:<b@bounce.example> SIZE={len(TEXT)}"
        assert lines[1] == "RCPT TO:<a@example.com>"
        assert lines[2] == f"MAIL FROM:<b@bounce.example> SIZE={size} BODY=8BITMIME"

    asyncio.run(scene())


def test_what_cannot_be_sent_there_is_refused_before_a_byte_of_it() -> None:
    texts: list[bytes] = []

    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING", "SIZE 1000")
        while True:
            await talk.group()
            talk.say("250 ok", "250 ok", "354 go on")
            texts.append(await talk.text())
            talk.say("250 accepted")

    def message(content: bytes = TEXT, to: bytes = b"a@example.com", sender: bytes = b"b@bounce.example") -> Envelope:
        return Envelope(sender, to, content)

    bad = [
        message(content=TEXT + b"x" * 1000 + b"\r\n"),
        message(content="ż\r\n".encode()),
        message(content=b"without an end"),
        message(content=b""),
        message(to=b"a" * 243 + b"@example.com"),
        message(to=b"a@example.com>\r\nRCPT TO:<b@example.com"),
        message(to=b"a b@example.com"),
        message(to="ż@example.com".encode()),
        message(to=b""),
        message(sender=b"x> BODY=BINARYMIME <y"),
    ]
    mixed = [*bad[:3], message(), *bad[3:6], message(), message(), message(), *bad[6:8], message(), *bad[8:]]

    async def scene() -> None:
        async with scripted_relay(script) as port:
            window = await send_window(plain_route(port), mixed)
            assert window.fault is None
            good = [index for index, one in enumerate(mixed) if one == message()]
            assert window.begun == good
            for index in range(len(mixed)):
                assert isinstance(window.outcomes[index], Sent if index in good else Rejected), index
            window = await send_window(plain_route(port), bad)
            assert window.kinds() == ["Rejected"] * len(bad)

    asyncio.run(scene())
    assert texts == [TEXT] * 5


def test_replies_name_nobody() -> None:
    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await talk.group()
        talk.say("250 ok", "550-5.1.1 <user0@example.com>: user0 unknown", "550 5.1.1 see help", "503 no")

    async def scene() -> None:
        async with scripted_relay(script) as port:
            window = await send_window(plain_route(port), envelopes(1))
            assert window.outcomes[0] == Rejected(550, "5.1.1", "<address> <address> unknown see help", suppress=True)

    asyncio.run(scene())


def test_an_outcome_is_told_as_soon_as_it_is_known() -> None:
    told: list[int] = []

    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        for number in range(3):
            await talk.group()
            assert told == list(range(number))
            talk.say("250 ok", "250 ok", "354 go on")
            await talk.text()
            talk.say("250 accepted")

    async def scene() -> None:
        async with scripted_relay(script) as port:
            connection = await SmtpConnection.open(plain_route(port, ceiling=GROUPED), timeout=10)
            await Window(envelopes(3), at_outcome=told.append).send(connection)
            await connection.close()

    asyncio.run(scene())


def test_a_callback_that_raises_ends_the_window_with_its_exception() -> None:
    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await accept(talk, 9)

    def trip(index: int) -> None:
        if index == 1:
            raise LookupError("the window's owner failed")

    async def scene() -> None:
        async with scripted_relay(script) as port:
            connection = await SmtpConnection.open(plain_route(port), timeout=10)
            window = Window(envelopes(4), at_outcome=trip)
            with pytest.raises(LookupError):
                await window.send(connection)
            assert window.kinds() == ["Sent", "Sent", "NotSent", "NotSent"]
            assert not connection.is_open

    asyncio.run(scene())


def test_a_cancelled_window_has_all_its_outcomes() -> None:
    reached = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await talk.group()
        talk.say("250 ok", "250 ok", "354 go on")
        await talk.text()
        reached.set()
        await talk.gone()

    async def scene() -> None:
        async with scripted_relay(script) as port:
            connection = await SmtpConnection.open(plain_route(port), timeout=10)
            window = Window(envelopes(3))
            task = asyncio.create_task(window.send(connection))
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert window.kinds() == ["Unknown", "NotSent", "NotSent"]
            assert not connection.is_open

    asyncio.run(scene())


def test_a_relay_that_closes_between_two_windows_is_noticed() -> None:
    closed = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await accept(talk, 1)
        await closed.wait()
        talk.say("421 4.4.2 idle too long")

    async def scene() -> None:
        async with scripted_relay(script) as port:
            connection = await SmtpConnection.open(plain_route(port), timeout=10)
            assert (await Window(envelopes(1)).send(connection)).kinds() == ["Sent"]
            assert connection.is_open
            closed.set()
            async with asyncio.timeout(5):
                while connection.is_open:  # noqa: ASYNC110 (it tells nobody; the loop has to turn)
                    await asyncio.sleep(0)
            window = await Window(envelopes(2)).send(connection)
            assert window.kinds() == ["NotSent", "NotSent"]
            assert isinstance(window.fault, RouteFault)
            await connection.close()

    asyncio.run(scene())


def test_unknown_is_only_what_rfc_1047_leaves_open() -> None:
    """A 4xx or 5xx after the text is a clear no, whatever the connection does afterwards."""

    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await talk.group()
        talk.say("250 ok", "250 ok", "354 go on")
        await talk.text()
        talk.say("451 4.3.0 not now")

    async def scene() -> None:
        async with scripted_relay(script) as port:
            window = await send_window(plain_route(port), envelopes(2))
            assert isinstance(window.outcomes[0], Deferred)
            assert not isinstance(window.outcomes[1], Unknown)

    asyncio.run(scene())
