"""The intent and the receipt: what a claim lets through, and what a record makes of it."""

from datetime import timedelta

import psycopg
import pytest

from herold.ledger.claims import Nothing
from herold.ledger.counts import RunStatus, run_status
from herold.ledger.database import Connection
from herold.ledger.holds import HoldScope, hold, release
from herold.ledger.runs import change_run, start_run
from parts.campaigns import small_campaign
from parts.ledger import Hand
from parts.people import KEY, add_people


def begin(connection: Connection, count: int = 3, **changes: object) -> int:
    add_people(connection, [f"p{n}@mail.example" for n in range(count)])
    resolved = small_campaign(**changes)  # type: ignore[arg-type]
    return start_run(connection, resolved, key=KEY, actor="test", at_once=True).run_id


def status(connection: Connection, run: int) -> RunStatus:
    return run_status(connection, [run])[0]


def test_a_window_names_every_message_once(database: str, connection: Connection) -> None:
    begin(connection, 10)
    hand = Hand(database)
    first, second = hand.window(limit=6), hand.window(limit=6)
    assert sorted(first.positions + second.positions) == list(range(1, 11))
    assert first.attempts == [1] * 6
    assert set(first.addresses) | set(second.addresses) == {f"p{n}@mail.example" for n in range(10)}


def test_a_run_closes_when_every_message_has_its_outcome(database: str, connection: Connection) -> None:
    run = begin(connection)
    hand = Hand(database)
    assert hand.record(hand.window(), "sent", "failed", "uncertain")
    assert hand.maintain() == [run]
    closed = status(connection, run)
    assert (closed.summary, closed.sent, closed.failed, closed.uncertain, closed.waiting) == ("Completed", 1, 1, 1, 0)


def test_a_run_stays_open_while_a_window_is_open(database: str, connection: Connection) -> None:
    run = begin(connection)
    hand = Hand(database)
    hand.window()
    assert hand.maintain() == []
    assert status(connection, run).waiting == 3


def test_nothing_but_close_run_closes(connection: Connection) -> None:
    run = begin(connection)
    with pytest.raises(psycopg.errors.RaiseException, match="closed by close_run only"):
        connection.execute("UPDATE run SET state = 'Closed' WHERE id = %s", (run,))


def test_books_that_do_not_balance_are_not_closed(database: str, connection: Connection) -> None:
    run = begin(connection)
    hand = Hand(database)
    hand.record(hand.window(), "sent")
    connection.execute("DELETE FROM outcome WHERE run_id = %s AND position = 1", (run,))
    with pytest.raises(psycopg.errors.RaiseException, match="cannot close"):
        connection.execute("SELECT close_run(%s)", (run,))


def test_recording_twice_changes_nothing(database: str, connection: Connection) -> None:
    run = begin(connection)
    hand = Hand(database)
    window = hand.window()
    assert hand.record(window, "sent", "deferred", "uncertain")
    before = status(connection, run)
    assert not hand.record(window, "sent", "deferred", "uncertain")
    assert status(connection, run) == before


def test_a_receipt_that_leaves_one_out_is_refused(database: str, connection: Connection) -> None:
    begin(connection)
    hand = Hand(database)
    window = hand.window()
    window.positions.pop()
    with pytest.raises(psycopg.errors.RaiseException, match="does not cover"):
        hand.record(window, "sent")


def test_what_was_not_begun_comes_again_with_the_same_attempt(database: str, connection: Connection) -> None:
    begin(connection)
    hand = Hand(database)
    hand.record(hand.window(), "returned")
    assert hand.window().attempts == [1, 1, 1]


def test_a_recipients_4xx_waits_and_costs_an_attempt(database: str, connection: Connection) -> None:
    run = begin(connection, sender={"retry": {"firstDelay": "1h", "maxDelay": "2h"}})
    hand = Hand(database)
    hand.record(hand.window(), "deferred", code=451)
    assert isinstance(hand.claim(), Nothing)
    assert status(connection, run).deferred == 3
    connection.execute("UPDATE retry SET due_at = now()")
    assert hand.window().attempts == [2, 2, 2]


def test_after_the_last_attempt_it_has_failed(database: str, connection: Connection) -> None:
    run = begin(connection, 1, sender={"retry": {"maxAttempts": 2, "firstDelay": "1s", "maxDelay": "1s"}})
    hand = Hand(database)
    hand.record(hand.window(), "deferred", code=451)
    connection.execute("UPDATE retry SET due_at = now()")
    hand.record(hand.window(), "deferred", code=451)
    assert status(connection, run).failed == 1
    assert hand.maintain() == [run]


def test_marketing_never_sends_what_is_uncertain_again(database: str, connection: Connection) -> None:
    run = begin(connection, 1)
    hand = Hand(database)
    hand.record(hand.window(), "uncertain")
    assert hand.maintain() == [run]
    assert status(connection, run).uncertain == 1


def test_transactional_sends_what_is_uncertain_again(database: str, connection: Connection) -> None:
    run = begin(connection, 1, campaign={"messageClass": "Transactional"})
    hand = Hand(database)
    hand.record(hand.window(), "uncertain")
    assert hand.window().attempts == [2]
    assert status(connection, run).uncertain == 0


def test_a_late_truth_replaces_uncertain_even_after_the_run_closed(database: str, connection: Connection) -> None:
    run = begin(connection)
    hand = Hand(database)
    window = hand.window()
    hand.record(window, "uncertain")  # what a taker wrote
    hand.maintain()
    assert not hand.record(window, "sent", "failed", "returned")  # what the owner knows
    closed = status(connection, run)
    assert (closed.state, closed.sent, closed.failed, closed.skipped, closed.uncertain) == ("Closed", 1, 1, 1, 0)


def test_a_late_truth_while_the_run_is_open_lets_the_rest_go_out(database: str, connection: Connection) -> None:
    run = begin(connection)
    hand = Hand(database)
    window = hand.window()
    hand.record(window, "uncertain")
    hand.record(window, "sent", "returned", "returned")
    assert sorted(hand.window().positions) == [2, 3]
    assert status(connection, run).uncertain == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("INSERT INTO suppression (address_hash, reason, source) SELECT address_hash, 'Complaint', 't' FROM endpoint "
         "WHERE address = 'p0@mail.example'", "Suppressed"),
        ("INSERT INTO consent (contact_id, subject, granted, at, source) SELECT contact_id, 1, false, now(), 't' "
         "FROM endpoint WHERE address = 'p0@mail.example'", "ConsentWithdrawn"),
        ("UPDATE endpoint SET address = 'new@mail.example', address_hash = '\\x00' WHERE address = 'p0@mail.example'",
         "AddressChanged"),
        ("DELETE FROM endpoint WHERE address = 'p0@mail.example'", "Erased"),
    ],
)  # fmt: skip
def test_what_changed_after_the_freeze_is_respected(
    database: str, connection: Connection, change: str, reason: str
) -> None:
    run = begin(connection)
    connection.execute(change.encode())
    hand = Hand(database)
    assert sorted(hand.window().addresses) == ["p1@mail.example", "p2@mail.example"]
    details = connection.execute("SELECT detail FROM outcome WHERE run_id = %s", (run,)).fetchall()
    assert details == [(reason,)]


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        ("Everything", ""),
        ("Team", "campaigns-shop"),
        ("Sender", "campaigns-shared/shop-newsletter"),
        ("Domain", "mail.example"),
        ("Campaign", "campaigns-shop/hello"),
    ],
)
def test_a_hold_stops_the_next_claim_and_its_release_lets_go(
    database: str, connection: Connection, scope: HoldScope, target: str
) -> None:
    begin(connection)
    number = hold(connection, scope, target, reason="wrong price", actor="test")
    hand = Hand(database)
    for _ in range(5):
        assert isinstance(hand.claim(), Nothing)
    assert connection.execute("SELECT count(*) FROM send_window").fetchone() == (0,)
    assert hand.maintain() == []
    release(connection, number, actor="test")
    hand.maintain()
    assert len(hand.window().positions) == 3


def test_what_a_held_domain_keeps_waiting_is_not_looked_at_again_and_again(
    database: str, connection: Connection
) -> None:
    begin(connection)
    hold(connection, "Domain", "mail.example", reason="they asked", actor="test", lasts=timedelta(hours=1))
    hand = Hand(database)
    while connection.execute("SELECT count(*) FROM retry").fetchone() != (3,):
        hand.claim()
    before = connection.execute("SELECT position, ctid::text FROM retry ORDER BY position").fetchall()
    for _ in range(5):
        hand.claim()
        hand.maintain()
    assert connection.execute("SELECT position, ctid::text FROM retry ORDER BY position").fetchall() == before
    connection.execute("UPDATE hold SET expires_at = now()")
    hand.maintain()
    assert len(hand.window().positions) == 3


def test_a_hold_of_others_holds_nobody_else(database: str, connection: Connection) -> None:
    begin(connection)
    for scope, target in (("Team", "other"), ("Domain", "other.example"), ("Campaign", "campaigns-shop/other")):
        hold(connection, scope, target, reason="r", actor="a")  # type: ignore[arg-type]
    hold(connection, "Everything", "", reason="over", actor="a", lasts=timedelta(seconds=-1))
    assert len(Hand(database).window().positions) == 3


def test_suspend_and_resume_and_stop(database: str, connection: Connection) -> None:
    run = begin(connection)
    hand = Hand(database)
    change_run(connection, run, "suspend", actor="test")
    assert isinstance(hand.claim(), Nothing)
    change_run(connection, run, "resume", actor="test")
    hand.record(hand.window(limit=1), "sent")
    change_run(connection, run, "stop", actor="test")
    assert isinstance(hand.claim(), Nothing)
    assert hand.maintain() == [run]
    closed = status(connection, run)
    assert (closed.summary, closed.sent, closed.skipped) == ("Stopped", 1, 2)


def test_a_bucket_starts_empty(database: str, connection: Connection) -> None:
    begin(connection, 3, per_second="0.001")
    first = Hand(database).claim()
    assert isinstance(first, Nothing)
    assert first.status == "Pacing"


def test_a_bucket_never_holds_more_than_a_second(database: str, connection: Connection) -> None:
    begin(connection, 30, per_second="5")
    connection.execute("UPDATE lane SET refilled_at = now() - interval '1 hour'")
    assert len(Hand(database).window().positions) == 5
    assert connection.execute("SELECT tokens FROM lane").fetchone() == (0.0,)


def test_warm_up_lets_so_many_out_a_day(database: str, connection: Connection) -> None:
    today = connection.execute("SELECT (now() AT TIME ZONE 'UTC')::date::text").fetchone()
    assert today is not None
    begin(connection, 10, sender={"warmUp": {"startDate": today[0], "perDay": [4, 8]}})
    hand = Hand(database)
    window = hand.window()
    assert len(window.positions) == 4
    refused = hand.claim()
    assert isinstance(refused, Nothing)
    assert refused.status == "WarmUp"
    hand.record(window, "sent", "returned")  # three did not go out: they may go out today
    assert len(hand.window().positions) == 3


def test_what_expired_is_skipped_and_never_sent(database: str, connection: Connection) -> None:
    run = begin(connection)
    connection.execute("UPDATE run_zone SET due_at = now() - interval '2 h', expires_at = now() - interval '1 h'")
    hand = Hand(database)
    assert isinstance(hand.claim(), Nothing)
    assert hand.maintain() == [run]
    assert status(connection, run).skipped == 3


def test_quiet_hours_stop_the_claim_and_bound_the_window(database: str, connection: Connection) -> None:
    begin(connection)
    connection.execute("UPDATE run_zone SET quiet = '{[now,now)}'")
    hand = Hand(database)
    connection.execute(
        "UPDATE run_zone SET quiet = tstzmultirange(tstzrange(now() - interval '1 h', now() + interval '1 h'))"
    )
    assert isinstance(hand.claim(), Nothing)
    connection.execute(
        "UPDATE run_zone SET quiet = tstzmultirange(tstzrange(now() + interval '20 s', now() + interval '1 h'))"
    )
    assert hand.window().open_ms <= 20_000


def test_a_run_that_missed_its_start_does_not_start(database: str, connection: Connection) -> None:
    run = begin(connection)
    connection.execute("UPDATE run SET start_by = now() - interval '1 s'")
    hand = Hand(database)
    assert isinstance(hand.claim(), Nothing)
    assert hand.maintain() == [run]
    assert status(connection, run).skipped == 3


def test_a_worker_whose_lease_was_taken_claims_nothing(database: str, connection: Connection) -> None:
    begin(connection)
    hand = Hand(database)
    connection.execute("UPDATE worker SET epoch = epoch + 1")
    answer = hand.claim()
    assert isinstance(answer, Nothing)
    assert answer.status == "LeaseLost"


def test_a_mailbox_that_does_not_exist_is_suppressed(database: str, connection: Connection) -> None:
    run = begin(connection)
    hand = Hand(database)
    window = hand.window()
    connection.execute(
        "SELECT record(%s, %s, %s::int[], %s::int2[], %s, %s::int2[], %s, %s, %s::int[])",
        (
            run, window.id, window.positions, window.attempts, ["failed", "sent", "sent"], [550, 250, 250],
            ["5.1.1", None, None], [None] * 3, [window.positions[0]],
        ),
    )  # fmt: skip
    found = connection.execute(
        "SELECT address FROM suppression JOIN endpoint USING (address_hash) WHERE reason = 'HardBounce'"
    ).fetchall()
    assert found == [(window.addresses[0],)]


@pytest.mark.parametrize(
    "detail", ['a "quoted" one', "back\\slash", "{brace,comma}", "NULL", "", "ąę \N{SNOWMAN}", " "]
)
def test_what_a_server_answered_is_kept_as_it_was(database: str, connection: Connection, detail: str) -> None:
    run = begin(connection)
    hand = Hand(database)
    hand.record(hand.window(), "failed", code=550, detail=detail)
    kept = connection.execute(
        "SELECT DISTINCT code, enhanced, detail FROM outcome WHERE run_id = %s", (run,)
    ).fetchall()
    assert kept == [(550, None, detail)]
