"""Row-level security: rows of another brand don't exist for a login, not through a function either."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from herold.errors import Refused
from herold.ledger.claims import Nothing
from herold.ledger.counts import run_status
from herold.ledger.database import Connection
from herold.ledger.holds import hold, release
from herold.ledger.leases import others, take
from herold.ledger.logins import grant_login, revoke_login
from herold.ledger.notices import Notice, put_notices
from herold.ledger.roles import BUILDER, CONTACTS, OPERATOR, READER, WORKER, Role
from herold.ledger.runs import start_run
from herold.ledger.senders import fault_lane, sync_sender
from parts.brands import SHOP, TRAVEL, TwoBrands, campaign_of, two_brands
from parts.ledger import Hand
from parts.logins import logged_in, login, opened
from parts.people import KEY

# How the owner counts what is of a brand.
_OF_SENDER = "SELECT count(*) FROM {table} t JOIN sender s ON s.id = t.sender_id WHERE s.brand = %s"
_OF_RUN = (
    "SELECT count(*) FROM {table} t JOIN run ON run.id = t.run_id JOIN sender s ON s.id = sender_id WHERE brand = %s"
)
_OF_SUBJECT = "SELECT count(*) FROM {table} t JOIN consent_subject s ON s.id = t.subject WHERE brand = %s"
_OWN = "SELECT count(*) FROM {table} WHERE brand = %s"
COUNTS = (
    dict.fromkeys(("sender", "consent_subject", "task"), _OWN)
    | dict.fromkeys(("lane", "sender_day", "run"), _OF_SENDER)
    | dict.fromkeys(("run_zone", "delivery", "outcome", "chunk", "retry", "send_window", "tally"), _OF_RUN)
    | dict.fromkeys(("run_counts",), _OF_RUN)
    | dict.fromkeys(("consent", "consent_current"), _OF_SUBJECT)
)
PEOPLE = ("contact", "endpoint", "event", "purchase", "suppression", "worker", "hold", "told", "notice")


def count(connection: Connection, query: str, *values: object) -> int:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


def filled(owner: Connection, url: str) -> TwoBrands:
    """Something of each brand in every table."""
    made = two_brands(owner)
    hand = Hand(url)
    for brand in (SHOP, TRAVEL):
        window = hand.window(made.lanes[brand], limit=3)
        hand.record(window, "sent", "deferred", "failed", code=250)
        hand.window(made.lanes[brand], limit=1)
    owner.execute("INSERT INTO sender_day (sender_id, day, allowed) SELECT id, now()::date, 1000 FROM sender")
    owner.execute("INSERT INTO event (contact_id, name, at) SELECT id, 'visit', now() FROM contact")
    owner.execute("INSERT INTO purchase SELECT id, 'o' || id, now(), 1 FROM contact")
    owner.execute("INSERT INTO suppression SELECT 'x', 'Complaint', 'test'")
    owner.execute(
        "INSERT INTO task (kind, namespace, name, occurrence, digest, resolved, requested_by) "
        "SELECT 'Build', namespace, name, 2, '', resolved, 'test' FROM run"
    )
    hold(owner, "Domain", "slow.example", reason="test", actor="test")
    put_notices(owner, "campaigns-shop", "hello", None, {}, [Notice("1", "campaign.started", "{}")])
    for table, query in COUNTS.items():
        for brand in (SHOP, TRAVEL):
            assert count(owner, query.format(table=table), brand), (table, brand)
    return made


def readable(connection: Connection) -> list[str]:
    """Tables that this login may read."""
    rows = connection.execute(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'herold'::regnamespace AND relkind IN ('r', 'p', 'v') "
        "AND NOT relispartition AND has_table_privilege(oid, 'SELECT')"
    )
    return [row[0] for row in rows.fetchall()]


@pytest.mark.parametrize("role", [BUILDER, OPERATOR, READER, CONTACTS], ids=lambda role: str(role.name))
def test_a_login_sees_the_rows_of_its_brands_and_a_login_of_none_sees_nothing(
    any_connection: Connection, any_database: str, role: Role
) -> None:
    owner = any_connection
    filled(owner, any_database)
    with (
        logged_in(owner, role, brands=(SHOP,)) as shop,
        logged_in(owner, role, brands=(SHOP, TRAVEL)) as both,
        logged_in(owner, role, brands=("*",)) as everything,
        logged_in(owner, role, brands=()) as nobody,
    ):
        tables = readable(shop)
        assert len(tables) > 8
        for table in tables:
            query = f"SELECT count(*) FROM {table}"
            all_rows = count(owner, query)
            if table in ("migration", "installation"):  # whose ledger it is must be known before anything else
                continue
            assert count(nobody, query) == 0, table
            assert count(everything, query) == all_rows, table
            if table in COUNTS:
                assert count(shop, query) == count(owner, COUNTS[table].format(table=table), SHOP), table
                assert count(shop, query) < all_rows, table
                assert count(both, query) == all_rows, table
            elif table != "audit":
                assert table in PEOPLE
                assert count(shop, query) == all_rows > 0, table


def test_the_audit_of_another_brands_runs_is_not_seen(any_connection: Connection) -> None:
    made = two_brands(any_connection)
    any_connection.execute(
        "INSERT INTO audit (actor, action, target) "
        "VALUES ('t', 'Stop', 'run ' || %s), ('t', 'EraseContact', 'contact 1')",
        (made.runs[TRAVEL],),
    )
    with logged_in(any_connection, READER, brands=(SHOP,)) as shop, logged_in(any_connection, READER) as everything:
        assert shop.execute("SELECT target FROM audit").fetchall() == [("campaigns-shop/hello-shop#1",)]
        assert count(everything, "SELECT count(*) FROM audit") == 4


def test_who_wrote_the_audit_is_the_databases_own_word(any_connection: Connection) -> None:
    with logged_in(any_connection, READER) as reader:
        said = "INSERT INTO audit (actor, action, target) VALUES ('anna', 'ReadDeliveries', 'run 1')"
        reader.execute(said)
        assert any_connection.execute("SELECT login FROM audit").fetchall() == [(reader.info.user,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("INSERT INTO audit (actor, action, target, login) VALUES ('a', 'b', 'c', 'herold')")
        # This word opens the fence, so it is the owner's.
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            reader.execute(said.replace("ReadDeliveries", "AcceptLedger"))


def test_a_worker_claims_and_records_for_its_brands_only(any_connection: Connection, any_database: str) -> None:
    made = two_brands(any_connection)
    theirs = Hand(any_database).window(made.lanes[TRAVEL], limit=2)
    with login(any_connection, WORKER, brands=(SHOP,)) as url:
        hand = Hand(url)
        answer = hand.claim(made.lanes[TRAVEL])
        assert isinstance(answer, Nothing)
        assert answer.status == "Empty"
        window = hand.window(made.lanes[SHOP], limit=4)
        assert window.run_id == made.runs[SHOP]
        assert len(window.addresses) == 4
        assert hand.record(window, "sent")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="there is no run"):
            hand.record(theirs, "sent")
    status = {run.name: run for run in run_status(any_connection)}
    assert (status["hello-shop"].sent, status["hello-travel"].sent) == (4, 0)


def test_a_worker_sees_no_lane_brake_window_or_content_of_another_brand(
    any_connection: Connection, any_database: str
) -> None:
    made = two_brands(any_connection)
    runs = list(made.runs.values())
    other = Hand(any_database)
    other.window(made.lanes[TRAVEL], limit=2)
    with logged_in(any_connection, WORKER, brands=(SHOP,)) as worker:
        assert worker.execute("SELECT lane_id FROM worker_lanes()").fetchall() == [(made.lanes[SHOP],)]
        assert worker.execute("SELECT id FROM run WHERE resolved IS NOT NULL").fetchall() == [(made.runs[SHOP],)]
        assert worker.execute("SELECT name FROM sender").fetchall() == [("shop-newsletter",)]
        assert worker.execute("SELECT * FROM worker_windows(%s)", (other.worker,)).fetchall() == []
        hold(any_connection, "Everything", "", reason="test", actor="test")
        assert worker.execute("SELECT run_id FROM worker_braked(%s)", (runs,)).fetchall() == [(made.runs[SHOP],)]


def test_a_worker_brakes_its_own_brand_only(any_connection: Connection) -> None:
    made = two_brands(any_connection)
    with login(any_connection, WORKER, brands=(SHOP,)) as url:
        hand = Hand(url)
        for brand in (SHOP, TRAVEL):
            hand.call(lambda ledger, lane=made.lanes[brand]: fault_lane(ledger, lane, reason="x", permanent=True))  # type: ignore[misc]
            hand.call(lambda ledger, run=made.runs[brand]: ledger.execute("SELECT worker_hold_run(%s, 'y')", (run,)))  # type: ignore[misc]
    paused = any_connection.execute("SELECT id FROM lane WHERE paused_until > now()").fetchall()
    assert paused == [(made.lanes[SHOP],)]
    assert any_connection.execute("SELECT target FROM hold").fetchall() == [("campaigns-shop/hello-shop",)]


def test_a_worker_settles_and_closes_its_own_brand_only(any_connection: Connection) -> None:
    made = two_brands(any_connection)
    any_connection.execute("UPDATE run_zone SET due_at = now() - interval '2 h', expires_at = now() - interval '1 h'")
    with login(any_connection, WORKER, brands=(SHOP,)) as url:
        assert Hand(url).maintain() == [made.runs[SHOP]]
        with opened(url) as worker, pytest.raises(psycopg.errors.InsufficientPrivilege, match="there is no run"):
            worker.execute("SELECT worker_close(%s)", (made.runs[TRAVEL],))
    status = {run.name: run for run in run_status(any_connection)}
    assert (status["hello-shop"].state, status["hello-shop"].skipped) == ("Closed", 10)
    assert (status["hello-travel"].state, status["hello-travel"].waiting) == ("Open", 10)


def test_a_lease_is_its_logins_own(any_connection: Connection) -> None:
    made = two_brands(any_connection)
    with (
        login(any_connection, WORKER, brands=(SHOP,)) as url,
        login(any_connection, WORKER, brands=(SHOP,)) as other,
    ):
        hand = Hand(url)
        with opened(other) as stranger:
            assert stranger.execute("SELECT worker_renew(%s, 1, 15)", (hand.worker,)).fetchone() == (False,)
            stranger.execute("SELECT worker_end(%s, 1)", (hand.worker,))
            claim = "SELECT status FROM worker_claim(%s, 1, 0::int2, %s, 10)"
            assert stranger.execute(claim, (hand.worker, made.lanes[SHOP])).fetchone() == ("LeaseLost",)
        hand.window(made.lanes[SHOP])
        # However long it asks for: what a dead worker left must not wait.
        with opened(url) as same:
            same.execute("SELECT worker_renew(%s, 1, 1e9)", (hand.worker,))
        lasts = "SELECT expires_at < now() + interval '2 min' FROM worker WHERE id = %s"
        assert any_connection.execute(lasts, (hand.worker,)).fetchone() == (True,)


def test_who_sees_less_takes_nothing_from_who_sees_more_but_what_is_over_and_theirs(
    any_connection: Connection, any_database: str
) -> None:
    made = two_brands(any_connection)
    owners = Hand(any_database)  # as workers were before there were roles
    windows = {brand: owners.window(made.lanes[brand], limit=3) for brand in (SHOP, TRAVEL)}
    with (
        login(any_connection, WORKER, brands=(SHOP,)) as shop_url,
        login(any_connection, WORKER, brands=(TRAVEL,)) as travel_url,
    ):
        shop, travel = Hand(shop_url), Hand(travel_url)
        for hand in (shop, travel):
            assert hand.call(lambda ledger, who=hand.worker: others(ledger, who)) == []  # type: ignore[misc]
        any_connection.execute("UPDATE worker SET expires_at = now() - interval '1 s' WHERE id = %s", (owners.worker,))
        for hand, brand in ((shop, SHOP), (travel, TRAVEL)):
            (lease,) = hand.call(lambda ledger, who=hand.worker: others(ledger, who))  # type: ignore[misc]
            left = hand.call(lambda ledger, lease=lease: take(ledger, lease))  # type: ignore[misc]
            assert left is not None
            assert [window.id for window in left] == [windows[brand].id]
            assert hand.record(windows[brand], "uncertain")
        # Travel's lease is over too, and is still not shop's to end.
        any_connection.execute("UPDATE worker SET expires_at = now() - interval '1 s' WHERE id = %s", (travel.worker,))
        assert shop.call(lambda ledger: others(ledger, shop.worker)) == []
        version = any_connection.execute(
            "SELECT expires_at::text || '/' || epoch FROM worker WHERE id = %s", (travel.worker,)
        ).fetchone()
        assert version is not None
        with opened(shop_url) as ledger:
            assert ledger.execute("SELECT worker_take(%s, %s)", (travel.worker, version[0])).fetchone() == (False,)


def test_a_worker_that_lost_its_rights_is_taken_over_by_one_of_its_brand(any_connection: Connection) -> None:
    made = two_brands(any_connection)
    with (
        login(any_connection, WORKER, brands=(SHOP,)) as url,
        login(any_connection, WORKER, brands=(SHOP,)) as next_url,
    ):
        lost, taker = Hand(url), Hand(next_url)
        window = lost.window(made.lanes[SHOP])
        with opened(url) as session:
            assert revoke_login(any_connection, session.info.user) == []
            for statement in ("SELECT * FROM worker_lanes()", "SELECT worker_sweep()"):  # in a session that is open
                with pytest.raises(psycopg.errors.UndefinedFunction):  # the schema itself is closed to it
                    session.execute(statement.encode())
        (lease,) = taker.call(lambda ledger: others(ledger, taker.worker))
        left = taker.call(lambda ledger: take(ledger, lease))
        assert left is not None
        assert [each.id for each in left] == [window.id]


def test_a_binding_holds_at_once_in_sessions_that_are_open(any_connection: Connection) -> None:
    made = two_brands(any_connection)
    with logged_in(any_connection, READER, brands=(SHOP,)) as reader:
        assert reader.execute("SELECT id FROM run").fetchall() == [(made.runs[SHOP],)]
        grant_login(any_connection, reader.info.user, (READER,), (TRAVEL,), password=None)
        assert reader.execute("SELECT id FROM run").fetchall() == [(made.runs[TRAVEL],)]


def test_an_audience_of_another_brands_consent_is_refused_and_not_counted_as_nobody(any_connection: Connection) -> None:
    two_brands(any_connection)
    again = campaign_of(TRAVEL, campaign={"occurrence": 2})
    with (
        logged_in(any_connection, BUILDER, brands=(SHOP,)) as builder,
        pytest.raises((psycopg.errors.InsufficientPrivilege, Refused)),
    ):
        start_run(builder, again, key=KEY, actor="test", at_once=True)
    with logged_in(any_connection, READER, brands=(SHOP,)) as reader:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="consents of the brand travel"):
            reader.execute("SELECT subject_of('travel', 'offers', 'Email')")
        assert reader.execute("SELECT subject_of('shop', 'offers', 'Email')").fetchone() == (1,)
        assert reader.execute("SELECT subject_of('shop', 'news', 'Email')").fetchone() == (None,)


@pytest.mark.parametrize("brands", [("*",), (SHOP,)])
def test_a_builder_starts_the_runs_of_its_brands(any_connection: Connection, brands: tuple[str, ...]) -> None:
    two_brands(any_connection)
    seeds = {"seeds": [{"address": "anna@team.example", "locale": "en"}]}
    again = campaign_of(SHOP, campaign={"occurrence": 2}, schedule={"localTime": "Recipient"}, sender=seeds)
    with logged_in(any_connection, BUILDER, brands=brands) as builder:
        started = start_run(builder, again, key=KEY, actor="test", at_once=True)
        proof = start_run(builder, again.as_proof(1), key=KEY, actor="test")
    assert (started.new, started.planned, proof.planned) == (True, 10, 1)
    assert count(any_connection, "SELECT count(*) FROM contact WHERE seed") == 1


def test_a_sender_that_has_runs_keeps_its_brand(any_connection: Connection) -> None:
    two_brands(any_connection)
    changed = campaign_of(SHOP).sender
    changed = changed.model_copy(update={"spec": changed.spec.model_copy(update={"brand": TRAVEL})})
    with pytest.raises(Refused, match="BrandChanged"):
        sync_sender(any_connection, changed)
    with pytest.raises(psycopg.errors.RaiseException, match="has runs of its brand"):  # programs that don't ask first
        any_connection.execute("UPDATE sender SET spec = spec || '{\"brand\": \"travel\"}' WHERE brand = 'shop'")


def test_an_operator_releases_what_holds_its_own_brand(any_connection: Connection) -> None:
    two_brands(any_connection)
    with logged_in(any_connection, OPERATOR, brands=(SHOP,)) as shop, logged_in(any_connection, OPERATOR) as everything:
        own = [
            hold(any_connection, "Campaign", "campaigns-shop/hello-shop", reason="t", actor="t"),
            hold(any_connection, "Sender", "campaigns-shared/shop-newsletter", reason="t", actor="t"),
        ]
        others_ = [
            hold(any_connection, "Campaign", "campaigns-shop/hello-travel", reason="t", actor="t"),
            hold(shop, "Everything", "", reason="t", actor="t"),  # whoever brakes may brake all
        ]
        for each in own:
            release(shop, each, actor="t")
        for each in others_:
            with pytest.raises(Exception, match="no active hold"):
                release(shop, each, actor="t")
            release(everything, each, actor="t")


def test_names_that_a_session_makes_stand_for_nothing_of_the_ledgers(any_connection: Connection) -> None:
    two_brands(any_connection)
    with logged_in(any_connection, CONTACTS, brands=(SHOP,)) as contacts:
        contacts.execute("CREATE TEMP TABLE brand_role AS SELECT session_user::text AS role, '*' AS brand")
        contacts.execute("SET search_path = pg_temp, herold")
        contacts.execute("SELECT set_config('herold.closing', '1', false)")
        assert contacts.execute("SELECT sees_all(), sees_brand('travel')").fetchone() == (False, False)
        assert count(contacts, "SELECT count(*) FROM run") == 1


def test_every_function_that_works_as_the_owner_fixes_where_names_are_found(any_connection: Connection) -> None:
    rows = any_connection.execute(
        "SELECT proname::text, proconfig FROM pg_proc WHERE pronamespace = 'herold'::regnamespace AND prosecdef"
    ).fetchall()
    assert len(rows) > 25
    assert {name: config for name, config in rows if config != ["search_path=herold, pg_temp"]} == {}


def test_a_worker_of_the_version_before_goes_on_as_the_owner_beside_workers_of_this_one(
    any_connection: Connection,
) -> None:
    """What such a program sends, word by word: tables by hand, and the functions that were there."""
    made = two_brands(any_connection)
    before = uuid4()
    any_connection.execute("INSERT INTO worker (id, host, pid, expires_at) VALUES (%s, 'h', 1, now())", (before,))
    renew = "UPDATE worker SET expires_at = clock_timestamp() WHERE id = %s AND epoch = 1 AND ended_at IS NULL"
    assert any_connection.execute(renew, (before,)).rowcount == 1
    assert len(any_connection.execute("SELECT lane_id, sender_id FROM due_lanes()").fetchall()) == 2
    ask = "SELECT status, run_id, window_id, positions FROM claim(%s, 1, 0::int2, %s, 4)"

    def claimed() -> tuple[int, int, list[int]] | None:
        row = any_connection.execute(ask, (before, made.lanes[TRAVEL])).fetchone()
        assert row is not None
        return row[1:] if row[0] == "Claimed" else None

    run, window, positions = next(found for found in iter(claimed, ()) if found)  # a bucket that starts empty
    any_connection.execute(
        "SELECT record(%s, %s, %s::int[], '{1,1,1,1}', '{sent,sent,sent,sent}', '{250,250,250,250}', "
        "'{NULL,NULL,NULL,NULL}', '{NULL,NULL,NULL,NULL}', '{}')",
        (run, window, positions),
    )
    with login(any_connection, WORKER) as url:
        Hand(url).record(Hand(url).window(made.lanes[TRAVEL]), "sent")
    any_connection.execute("SELECT sweep(20)")
    assert any_connection.execute("SELECT close_run(%s)", (run,)).fetchone() == (True,)
    assert count(any_connection, "SELECT count(*) FROM worker WHERE login = 'herold'") == 1
