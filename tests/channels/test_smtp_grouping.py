"""How commands are grouped, what a relay must prove for it, and what happens when it proves ill."""

from __future__ import annotations

import asyncio

import pytest

from herold.channels.outcome import NotSent, Outcome
from herold.channels.route import CHAINED, GROUPED, STEPWISE, Manners
from herold.channels.smtp import SmtpConnection
from parts.scripted_relay import Talk, Window, envelopes, plain_route, scripted_relay, send_window


async def waits(talk: Talk) -> bool:
    """True when the client says nothing more before it is answered."""
    try:
        async with asyncio.timeout(0.05):
            await talk.reader.readexactly(1)
    except TimeoutError:
        return True
    raise AssertionError("the client went on without an answer")


async def grouped(talk: Talk, count: int) -> None:
    """`count` messages, of which each is proven to wait for the end of the one before."""
    for _ in range(count):
        await talk.group()
        assert await waits(talk)
        talk.say("250 ok", "250 ok", "354 go on")
        await talk.text()
        assert await waits(talk)
        talk.say("250 accepted")


async def stepwise(talk: Talk, count: int) -> None:
    """`count` messages, of which each command waits for its answer."""
    for _ in range(count):
        for verb in ("MAIL", "RCPT", "DATA"):
            assert (await talk.line()).startswith(verb)
            assert await waits(talk)
            talk.say("354 go on" if verb == "DATA" else "250 ok")
        await talk.text()
        assert await waits(talk)
        talk.say("250 accepted")


async def chained(talk: Talk, count: int) -> None:
    """`count` messages, of which each comes with the text of the one before, unanswered."""
    await talk.group()
    talk.say("250 ok", "250 ok", "354 go on")
    for number in range(count):
        await talk.text()
        if number + 1 < count:
            await talk.group()
            talk.say("250 accepted", "250 ok", "250 ok", "354 go on")
        else:
            talk.say("250 accepted")


def test_a_connection_begins_with_groups_and_goes_on_with_text_and_next_group_in_one() -> None:
    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await grouped(talk, 3)
        await chained(talk, 4)

    async def scene() -> None:
        async with scripted_relay(script) as port:
            assert (await send_window(plain_route(port), envelopes(7))).kinds() == ["Sent"] * 7

    asyncio.run(scene())


def test_what_a_connection_has_proven_counts_for_its_next_window() -> None:
    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await grouped(talk, 3)
        await chained(talk, 3)

    async def scene() -> None:
        async with scripted_relay(script) as port:
            connection = await SmtpConnection.open(plain_route(port), timeout=10)
            for count in (3, 3):
                assert (await Window(envelopes(count)).send(connection)).kinds() == ["Sent"] * count
            await connection.close()

    asyncio.run(scene())


@pytest.mark.parametrize(("words", "grouping"), [([], True), (["PIPELINING"], False), (["X-PIPELINING"], True)])
def test_nothing_is_grouped_where_it_is_not_announced_or_switched_off(words: list[str], grouping: bool) -> None:
    async def script(talk: Talk) -> None:
        await talk.hello(*words)
        await stepwise(talk, 5)

    async def scene() -> None:
        async with scripted_relay(script) as port:
            assert (await send_window(plain_route(port, grouping=grouping), envelopes(5))).kinds() == ["Sent"] * 5

    asyncio.run(scene())


def test_a_relay_that_answers_out_of_step_is_asked_less_each_time() -> None:
    async def confused(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await grouped(talk, 3)
        await talk.group()
        talk.say("250 ok", "250 ok", "354 go on")
        await talk.text()
        await talk.group()
        talk.say("250 accepted", "354 what", "503 what")
        await talk.gone()

    async def confused_still(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await grouped(talk, 4)
        await talk.group()
        talk.say("503 5.5.1 improper use of pipelining")
        await talk.gone()

    async def good(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await stepwise(talk, 5)

    async def scene() -> None:
        async with scripted_relay(confused, confused_still, good) as port:
            route = plain_route(port)
            kinds = []
            for _ in range(3):
                window = await send_window(route, envelopes(5))
                kinds.append(window.kinds())
                assert (window.fault is None) == (len(kinds) == 3)
            assert kinds == [["Sent"] * 4 + ["NotSent"], ["Sent"] * 4 + ["NotSent"], ["Sent"] * 5]
            assert route.manners.ceiling == STEPWISE

    asyncio.run(scene())


@pytest.mark.parametrize("how", ["lost", "silent"])
def test_a_relay_that_throws_away_what_follows_a_text_is_found_out_at_the_third_time(how: str) -> None:
    async def forgetful(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await grouped(talk, 3)
        await talk.group()
        talk.say("250 ok", "250 ok", "354 go on")
        await talk.text()
        await talk.group()
        talk.say("250 accepted")
        if how == "silent":
            await talk.gone()

    async def good(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        await grouped(talk, 6)

    async def scene() -> None:
        async with scripted_relay(forgetful, forgetful, forgetful, good) as port:
            route = plain_route(port)
            for _ in range(3):
                assert route.manners.ceiling == CHAINED
                window = await send_window(route, envelopes(6), timeout=0.2)
                assert window.kinds() == ["Sent"] * 4 + ["NotSent"] * 2
            assert route.manners.ceiling == GROUPED
            assert (await send_window(route, envelopes(6))).kinds() == ["Sent"] * 6

    asyncio.run(scene())


def test_a_relay_that_only_closes_now_and_then_keeps_its_groups() -> None:
    manners = Manners()
    for _ in range(20):
        manners.suspect()
        manners.suspect()
        manners.prove()
    assert manners.ceiling == CHAINED


@pytest.mark.parametrize("ceiling", [STEPWISE, GROUPED, CHAINED])
@pytest.mark.parametrize("at", [0, 1, 5, 9])
def test_stopped_it_ends_the_text_under_way_and_begins_no_other(ceiling: int, at: int) -> None:
    texts: list[bytes] = []
    connection: SmtpConnection

    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        while (verb := await talk.verb()) != "QUIT":
            if verb == "DATA":
                talk.say("354 go on")
                texts.append(await talk.text())
                if len(texts) == at + 1:
                    connection.stop_after_current()
                talk.say("250 accepted")
            else:
                talk.say("250 ok")

    async def scene() -> None:
        nonlocal connection
        async with scripted_relay(script) as port:
            connection = await SmtpConnection.open(plain_route(port, ceiling=ceiling), timeout=10)
            window = await Window(envelopes(10)).send(connection)
            assert window.fault is None
            assert window.kinds() == ["Sent"] * (at + 1) + ["NotSent"] * (9 - at)
            assert window.begun == list(range(at + 1))
            again = await Window(envelopes(2)).send(connection)
            assert again.kinds() == ["NotSent"] * 2
            assert again.fault is None
            await connection.close()

    asyncio.run(scene())
    assert len(texts) == at + 1


@pytest.mark.parametrize("ceiling", [STEPWISE, GROUPED, CHAINED])
@pytest.mark.parametrize("place", ["MAIL", "RCPT", "DATA"])
def test_stopped_between_two_texts_nothing_is_sent_and_no_empty_message_either(ceiling: int, place: str) -> None:
    connection: SmtpConnection
    texts = 0

    async def script(talk: Talk) -> None:
        nonlocal texts
        await talk.hello("PIPELINING")
        seen = 0
        while (verb := await talk.verb()) != "QUIT":
            seen += verb == "MAIL"
            if seen == 6 and verb == place:
                connection.stop_after_current()
            talk.say("354 go on" if verb == "DATA" else "250 ok")
            if verb == "DATA":
                await talk.text()
                texts += 1
                talk.say("250 accepted")

    async def scene() -> None:
        nonlocal connection
        async with scripted_relay(script) as port:
            connection = await SmtpConnection.open(plain_route(port, ceiling=ceiling), timeout=10)
            window = await Window(envelopes(9)).send(connection)
            assert window.fault is None
            assert window.kinds() == ["Sent"] * 5 + ["NotSent"] * 4
            await connection.close()

    asyncio.run(scene())
    assert texts == 5


@pytest.mark.parametrize("ceiling", [STEPWISE, GROUPED, CHAINED])
def test_stop_may_be_called_from_the_callbacks(ceiling: int) -> None:
    async def script(talk: Talk) -> None:
        await talk.hello("PIPELINING")
        while (verb := await talk.verb()) != "QUIT":
            talk.say("354 go on" if verb == "DATA" else "250 ok")
            if verb == "DATA":
                await talk.text()
                talk.say("250 accepted")

    async def scene() -> None:
        async with scripted_relay(script) as port:
            connection = await SmtpConnection.open(plain_route(port, ceiling=ceiling), timeout=10)

            def stop_at_fifth(index: int) -> None:
                if index == 4:
                    connection.stop_after_current()

            window = Window(envelopes(9), at_outcome=stop_at_fifth)
            assert (await window.send(connection)).kinds() == ["Sent"] * 5 + ["NotSent"] * 4
            await connection.close()

    asyncio.run(scene())


@pytest.mark.parametrize("ceiling", [STEPWISE, GROUPED, CHAINED])
def test_a_text_that_its_owner_forbids_in_the_last_moment_never_leaves(ceiling: int) -> None:
    texts = 0

    async def script(talk: Talk) -> None:
        nonlocal texts
        await talk.hello("PIPELINING")
        while (verb := await talk.verb()) != "QUIT":
            talk.say("354 go on" if verb == "DATA" else "250 ok")
            if verb == "DATA":
                await talk.text()
                texts += 1
                talk.say("250 accepted")

    async def scene() -> None:
        async with scripted_relay(script) as port:
            connection = await SmtpConnection.open(plain_route(port, ceiling=ceiling), timeout=10)
            outcomes: dict[int, Outcome] = {}
            fault = await connection.send(
                envelopes(8), on_content=lambda index: index < 5, on_outcome=outcomes.__setitem__, timeout=10
            )
            assert fault is None
            assert [isinstance(outcomes[index], NotSent) for index in range(8)] == [False] * 5 + [True] * 3
            await connection.close()

    asyncio.run(scene())
    assert texts == 5
