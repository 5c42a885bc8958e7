"""What a client may make the service wait for, or keep: not much, and nobody else notices."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from controller.platform import TEAM, Platform
from herold_reader.protocol import TOKEN_HEADER, Ask, path_of
from herold_reader.serving import BODY_BYTES
from parts.campaigns import small_campaign
from parts.kubernetes import free_port, wait_for
from reader.service import Reader, Told, any_certificate, begin, start_reader

Start = Callable[..., Reader]
SHORT = "0.7"


@contextmanager
def connected(reader: Reader) -> Iterator[socket.socket]:
    plain = socket.create_connection(("127.0.0.1", reader.port), timeout=30)
    with any_certificate().wrap_socket(plain) as stream:
        yield stream


def is_closed(stream: socket.socket) -> bool:
    """Reads until the other side closes."""
    try:
        while stream.recv(65_536):
            pass
    except (ConnectionError, ssl.SSLError):
        pass
    return True


def head(reader: Reader, ask: Ask, length: int) -> bytes:
    lines = [f"POST {path_of(ask, TEAM, 'hello')} HTTP/1.1", "Host: x", f"Content-Length: {length}"]
    return "\r\n".join([*lines, f"{TOKEN_HEADER}: {reader.people['otto']}", "", ""]).encode()


def test_who_connects_and_says_nothing_or_half_of_it_is_let_go(platform: Platform, start: Start) -> None:
    reader = start(client_seconds=SHORT)
    begin(platform, small_campaign())
    with connected(reader) as silent, connected(reader) as halting, connected(reader) as tedious:
        halting.sendall(b"GET /v1/namespaces/a/campaigns/b/plan HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        tedious.sendall(head(reader, Ask.EXPLAIN, 100) + b'{"contactId"')
        assert reader.ask(Ask.EXPLAIN, who="otto", body={"contactId": 1}).status == 200
        for stream in (silent, halting, tedious):
            assert is_closed(stream)


def test_a_question_of_any_size_is_refused_before_it_is_kept(reader: Reader) -> None:
    told = reader.ask(Ask.EXPLAIN, who="otto", body={"address": "a" * 2 * BODY_BYTES})
    assert (told.status, told.error) == (422, "InvalidInput")
    with connected(reader) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 100_000)
        assert is_closed(stream)


def test_who_does_not_read_the_answer_keeps_no_connection_to_the_ledger(platform: Platform, start: Start) -> None:
    reader = start(client_seconds=SHORT)
    begin(platform, small_campaign())
    busy = b"""SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()"""
    with connected(reader) as deaf:
        deaf.sendall(head(reader, Ask.EXPLAIN, 16) + b'{"contactId": 1}')
        count = b"SELECT count(*) FROM audit WHERE action = 'ReadExplanation'"
        wait_for("the read", lambda: platform.connection.execute(count).fetchone() == (1,))
        wait_for("an idle ledger", lambda: platform.connection.execute(busy).fetchone() == (0,))
        assert is_closed(deaf)


def test_plans_that_hang_are_bounded_and_keep_no_brake_waiting(platform: Platform, start: Start) -> None:
    reader = start(statement_seconds="2")
    campaign = platform.declare()
    platform.api.merge(campaign, {"metadata": {"annotations": {"herold.dev/hold": "enough"}}})
    told: list[Told] = []
    with platform.connection.transaction():
        platform.connection.execute("LOCK TABLE contact IN ACCESS EXCLUSIVE MODE")
        asking = [threading.Thread(target=lambda: told.append(reader.ask(Ask.PLAN, who="vera"))) for _ in range(16)]
        for each in asking:
            each.start()
        wait_for("those who are told to come again", lambda: len(told) >= 6)
        assert {(each.status, each.error) for each in told} == {(503, "Busy")}
        assert told[0].headers["retry-after"] == "2"
        assert reader.ask(Ask.HOLD, who="vera", body={}).status == 200
        assert len(told) == 6
        for each in asking:
            each.join(60)
    assert {(each.status, each.error) for each in told[6:]} == {(503, "Temporary")}
    assert reader.ask(Ask.PLAN, who="vera").status == 200


def test_a_ledger_that_is_away_is_said_and_nothing_of_its_password(platform: Platform, start: Start) -> None:
    people = start().people
    away = start_reader(platform, url=f"postgresql://herold:hunter2@127.0.0.1:{free_port()}/herold")
    try:
        away.people = people
        told = away.ask(Ask.REPORT, who="vera")
        assert (told.status, told.error, told.body["error"]["exitCode"]) == (503, "Temporary", 5)
        assert "the ledger does not answer" in told.text
        assert "hunter2" not in told.text + away.log.read_text()
    finally:
        away.stop()


def test_a_service_that_is_asked_to_end_finishes_what_it_answers(platform: Platform, reader: Reader) -> None:
    begin(platform, small_campaign())
    told: list[Told] = []
    with platform.connection.transaction():
        platform.connection.execute("LOCK TABLE contact IN ACCESS EXCLUSIVE MODE")
        asking = threading.Thread(
            target=lambda: told.append(reader.ask(Ask.EXPLAIN, who="otto", body={"contactId": 1}))
        )
        asking.start()
        count = b"SELECT count(*) FROM audit WHERE action = 'ReadExplanation'"
        wait_for("the audit's row", lambda: platform.connection.execute(count).fetchone() == (1,))
        reader.process.terminate()
    asking.join(30)
    assert [each.status for each in told] == [200]
    assert reader.process.wait(30) == 0
    assert reader.events("stopped")
