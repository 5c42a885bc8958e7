"""Why this person did or did not get it: the sentences, from real rows of a real ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cli.world import CANARY, addresses, hello
from herold.explaining import explain
from herold.ledger.claims import Kind
from herold.ledger.database import Connection
from herold.ledger.deliveries import deliveries
from herold.ledger.holds import hold
from herold.ledger.runs import change_run, start_run
from parts.ledger import Hand
from parts.people import KEY, add_people


def started(
    connection: Connection, people: int = 1, *, at_once: bool = True, **overrides: Any
) -> tuple[int, list[int]]:
    ids = add_people(connection, addresses(people))
    resolved = hello(**overrides)
    return start_run(connection, resolved, key=KEY, actor="test", at_once=at_once).run_id, ids


def told(connection: Connection, run_id: int, contact: int) -> str:
    text = "\n".join(explain(connection, run_id, contact).sentences)
    assert CANARY not in text
    return text


def outcome(database: str, kind: Kind, *, code: int | None = None, detail: str | None = None) -> None:
    hand = Hand(database)
    hand.record(hand.window(), kind, code=code, detail=detail)


def test_what_the_server_answered_is_told(database: str, connection: Connection) -> None:
    run_id, (anna,) = started(connection)
    outcome(database, "sent", code=250, detail="queued as 1F2")
    text = told(connection, run_id, anna)
    assert "Attempt 1: the relay accepted the message at" in text
    assert "(250: queued as 1F2)" in text
    assert "waits" not in text


def test_a_message_that_was_put_off_says_why_and_until_when(database: str, connection: Connection) -> None:
    run_id, (anna,) = started(connection)
    outcome(database, "deferred", code=451, detail="greylisted")
    text = told(connection, run_id, anna)
    assert "the server put it off" in text
    assert "greylisted" in text
    assert "It will be tried again at" in text
    assert [row.state for row in deliveries(connection, run_id, state="deferred")] == ["deferred"]


def test_uncertain_says_what_it_means_and_why_it_is_not_sent_again(database: str, connection: Connection) -> None:
    run_id, (anna,) = started(connection)
    outcome(database, "uncertain", detail="ConnectionLost")
    text = told(connection, run_id, anna)
    assert "may or may not have accepted it" in text
    assert "It is not sent again, because then the person might get it twice" in text


def test_an_uncertain_transactional_message_is_sent_again(database: str, connection: Connection) -> None:
    run_id, (anna,) = started(connection, campaign={"messageClass": "Transactional"})
    outcome(database, "uncertain")
    text = told(connection, run_id, anna)
    assert "sent again, with the same Message-ID" in text
    assert "Its next attempt is due." in text


def test_a_message_in_hand_is_told(database: str, connection: Connection) -> None:
    run_id, (anna,) = started(connection)
    Hand(database).window()
    assert "A worker has the message in hand since" in told(connection, run_id, anna)


def test_all_that_keeps_a_message_from_going_out_is_named(connection: Connection) -> None:
    run_id, (anna,) = started(connection)
    assert "it is due and waits for its turn" not in told(connection, run_id, anna)
    assert "No worker is running." in told(connection, run_id, anna)
    hold(connection, "Campaign", "campaigns-shop/hello", reason="wrong price", actor="test")
    hold(connection, "Domain", "mail0.example", reason="they asked", actor="test")
    change_run(connection, run_id, "suspend", actor="test")
    connection.execute("UPDATE lane SET paused_until = now() + interval '1 h', pause_reason = '550 5.7.1'")
    connection.execute("INSERT INTO sender_day SELECT id, (now() AT TIME ZONE 'UTC')::date, 10, 10 FROM sender")
    text = told(connection, run_id, anna)
    for words in (
        "The run is held (Campaign: wrong price).",
        "Its domain is held (mail0.example: they asked).",
        "The run is suspended.",
        "The lane is paused until",
        "550 5.7.1",
        "The sender is warming up",
        "What has not gone out by",
    ):
        assert words in text


def test_one_whose_turn_has_not_come_says_when_it_comes(connection: Connection) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    schedule = {"at": f"{tomorrow:%Y-%m-%dT%H:%M:%S}", "timeZone": "Europe/London"}
    run_id, (anna,) = started(connection, at_once=False, schedule=schedule)
    assert "It was not tried yet: it is not due before" in told(connection, run_id, anna)


def test_people_outside_the_audience_are_told_why(connection: Connection) -> None:
    anna, jan, eve, uma = add_people(connection, addresses(4))
    connection.execute("INSERT INTO consent SELECT %s, subject, false, now(), 'test' FROM consent LIMIT 1", (jan,))
    connection.execute(
        "INSERT INTO suppression (address_hash, reason, source) SELECT address_hash, 'HardBounce', 'test' "
        "FROM endpoint WHERE contact_id = %s",
        (eve,),
    )
    connection.execute("UPDATE contact SET erased_at = now() WHERE id = %s", (uma,))
    run_id = start_run(connection, hello(), key=KEY, actor="test", at_once=True).run_id
    late = add_people(connection, [f"{CANARY}-late@mail.example"])[0]
    assert "was in the audience" in told(connection, run_id, anna)
    assert "NoConsent" in told(connection, run_id, jan)
    assert "Suppressed" in told(connection, run_id, eve)
    assert "The person was erased at" in told(connection, run_id, uma)
    assert "The ledger knows the person since" in told(connection, run_id, late)


def test_one_who_withdrew_after_the_start_is_told_so(database: str, connection: Connection) -> None:
    run_id, (anna, _) = started(connection, people=2)
    connection.execute("INSERT INTO consent SELECT %s, subject, false, now(), 'test' FROM consent LIMIT 1", (anna,))
    Hand(database).window()
    assert "withdrew their consent after the audience had been frozen" in told(connection, run_id, anna)


def test_one_whose_run_was_stopped_is_told_so(database: str, connection: Connection) -> None:
    run_id, (anna,) = started(connection)
    change_run(connection, run_id, "stop", actor="test")
    Hand(database).maintain()
    assert "the run was stopped before their turn came" in told(connection, run_id, anna)


def test_what_a_server_wrote_can_not_move_the_cursor(database: str, connection: Connection) -> None:
    run_id, (anna,) = started(connection)
    outcome(database, "failed", code=550, detail="no \x1b[2J such\nuser")
    assert "\x1b" not in told(connection, run_id, anna)


def test_deliveries_are_listed_in_order_without_addresses_unless_asked(database: str, connection: Connection) -> None:
    run_id, ids = started(connection, people=5)
    hand = Hand(database)
    hand.record(hand.window(limit=2), "sent", "failed")
    listed = list(deliveries(connection, run_id))
    assert [row.position for row in listed] == [1, 2, 3, 4, 5]
    assert [row.state for row in listed] == ["sent", "failed", "waiting", "waiting", "waiting"]
    assert {row.contact_id for row in listed} == set(ids)
    assert {row.address for row in listed} == {None}
    shown = list(deliveries(connection, run_id, addresses=True, limit=2))
    assert [row.address for row in shown] == addresses(2)
    assert [row.position for row in deliveries(connection, run_id, state="waiting", limit=1)] == [3]
