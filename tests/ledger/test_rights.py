"""What each role may and may not: every table and every function is tried for real, with a login of the role."""

from __future__ import annotations

import re

import psycopg
import pytest

from herold.ledger.database import Connection
from herold.ledger.roles import BUILDER, CONTACTS, OPERATOR, READER, ROLES, WORKER, Role
from parts.brands import SHOP, two_brands
from parts.ledger import Hand
from parts.logins import logged_in, login

QUEUE = {"sender", "sender_day", "lane", "run", "run_zone", "chunk", "retry", "send_window", "tally", "run_counts"}
NOTES = {"worker", "hold", "audit", "task"}
TOLD = {"told", "notice"}
PEOPLE = {"contact", "endpoint", "event", "purchase", "consent_subject", "consent_current", "suppression"}
WHOSE = {"migration", "installation"}
# By role and verb: the tables that it may touch at all. Everything else is refused.
MAY: dict[str, dict[str, set[str]]] = {
    "worker": {"SELECT": WHOSE | {"run", "sender", "lane", "hold"}},
    "builder": {
        "SELECT": WHOSE | PEOPLE | QUEUE | NOTES | {"delivery"},
        "INSERT": {"sender", "lane", "sender_day", "consent_subject", "run", "run_zone", "delivery", "chunk"}
        | {"hold", "audit"},
        "UPDATE": {"sender", "lane", "sender_day", "run", "task"},
        "DELETE": {"sender_day"},
    },
    "operator": {
        "SELECT": WHOSE | QUEUE | NOTES | TOLD,
        "INSERT": {"sender", "lane", "sender_day", "hold", "audit", "task"} | TOLD,
        "UPDATE": {"sender", "lane", "sender_day", "run", "hold", "task"} | TOLD,
        "DELETE": {"sender_day", "task"} | TOLD,
    },
    "reader": {
        "SELECT": WHOSE | PEOPLE | QUEUE | NOTES | {"delivery", "outcome"},
        "INSERT": {"hold", "audit"},
    },
    "contacts": {
        "SELECT": WHOSE | PEOPLE | {"consent", "run", "delivery", "outcome"},
        "INSERT": {"contact", "endpoint", "event", "purchase", "consent_subject", "consent", "suppression", "audit"},
        "UPDATE": {"contact", "endpoint", "purchase", "outcome"},
        "DELETE": {"endpoint", "event", "purchase", "consent"},
    },
}
# Functions that only functions call: nobody may.
INTERNAL = {
    "claim", "record", "record_then_claim", "sweep", "close_run", "add_tally", "due_lanes", "braked", "make_month",
    "sees_run", "sees_lane", "not_mine", "sees_as_much_as", "lease_end", "run_month", "consent_keep_current",
    "consent_is_append_only", "only_close_run_closes", "task_has_brand", "sender_keeps_brand",
    "mark_window", "mark_lease", "ledger_timeline",
}  # fmt: skip


def columns(owner: Connection) -> dict[str, list[str]]:
    """Columns that a statement may name, by table and view."""
    rows = owner.execute(
        "SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE c.relnamespace = 'herold'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition "
        "AND a.attidentity <> 'a' AND a.attgenerated = '' GROUP BY 1"
    )
    return dict(rows.fetchall())


def attempts(verb: str, table: str, names: list[str]) -> list[str]:
    """Statements that succeed, and change nothing, for whoever may do that to any column of the table."""
    if verb == "SELECT":
        return [f"SELECT {name} FROM {table} LIMIT 1" for name in names]
    if table == "run_counts":  # a view that nobody can write
        return []
    if verb == "INSERT":
        return [f"INSERT INTO {table} ({name}) SELECT NULL WHERE false" for name in names]
    if verb == "UPDATE":
        return [f"UPDATE {table} SET {name} = NULL WHERE false" for name in names]
    return [f"DELETE FROM {table} WHERE false"]


def is_allowed(connection: Connection, statement: str) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


@pytest.mark.parametrize("role", ROLES, ids=lambda role: str(role.name))
def test_a_role_touches_its_own_tables_and_no_others(any_connection: Connection, role: Role) -> None:
    known = columns(any_connection)
    others = {"consent", "delivery", "outcome", "brand_role", "mark"}
    assert PEOPLE | QUEUE | NOTES | TOLD | WHOSE | others == set(known)
    with logged_in(any_connection, role) as connection:
        for verb in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            done = {
                table
                for table, names in known.items()
                if any(is_allowed(connection, statement) for statement in attempts(verb, table, names))
            }
            assert done == MAY[role.name].get(verb, set()), verb


@pytest.mark.parametrize("role", ROLES, ids=lambda role: str(role.name))
def test_a_role_calls_its_own_functions_and_none_that_only_functions_call(
    any_connection: Connection, role: Role
) -> None:
    rows = any_connection.execute(
        "SELECT oid::regprocedure::text, proname::text, provariadic <> 0 FROM pg_proc "
        "WHERE pronamespace = 'herold'::regnamespace"
    ).fetchall()
    named = set(re.findall(r"(\w+)\(", " ".join(right for right in role.rights if right.startswith("EXECUTE"))))
    assert {name for _, name, _ in rows} >= INTERNAL
    with logged_in(any_connection, role) as connection:
        for signature, name, is_variadic in rows:
            types = signature.partition("(")[2].removesuffix(")")
            values = "VARIADIC " * is_variadic + ", ".join(f"NULL::{each}" for each in types.split(",") if each)
            allowed = is_allowed_call(connection, f"SELECT {name}({values})")
            assert allowed == (name in named), signature
            assert not (allowed and name in INTERNAL)


def is_allowed_call(connection: Connection, statement: str) -> bool:
    """Whether the call itself is let through; what the function then says is its own business."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege as error:
        return "permission denied for function" not in str(error)
    except psycopg.Error:
        return True
    return True


REFUSED = [
    # A worker reaches people through its windows, and the queue through its functions.
    (WORKER, "SELECT address FROM endpoint"),
    (WORKER, "SELECT * FROM delivery"),
    (WORKER, "COPY contact TO STDOUT"),
    (WORKER, "SELECT count(*) FROM run_counts"),
    (WORKER, "INSERT INTO outcome (run_id, position, attempt, kind) VALUES (1, 1, 1, 'sent')"),
    (WORKER, "UPDATE tally SET sent = 1"),
    (WORKER, "DELETE FROM send_window"),
    (WORKER, "UPDATE hold SET released_at = now()"),
    (WORKER, "UPDATE installation SET regressed_at = NULL"),
    (WORKER, "SELECT setval('send_window_id_seq', 1)"),
    (WORKER, "CREATE TABLE herold.mine ()"),
    (WORKER, "CREATE TEMP TABLE mine ()"),
    (WORKER, "SELECT intent_digest FROM run"),
    # An operator knows no people.
    (OPERATOR, "SELECT address FROM endpoint"),
    (OPERATOR, "SELECT external_id FROM contact"),
    (OPERATOR, "SELECT contact_id FROM delivery"),
    (OPERATOR, "SELECT detail FROM outcome"),
    (OPERATOR, "UPDATE installation SET regressed_at = NULL"),
    (OPERATOR, "UPDATE run SET planned = 0"),
    (OPERATOR, "UPDATE run SET started_at = NULL"),
    (OPERATOR, "DELETE FROM run"),
    (OPERATOR, "DELETE FROM hold"),
    (OPERATOR, "UPDATE audit SET actor = 'somebody else'"),
    (OPERATOR, "DELETE FROM audit"),
    (OPERATOR, "UPDATE notice SET body = '{}'"),
    (READER, "SELECT body FROM notice"),
    # A reader writes a brake and what it read.
    (READER, "UPDATE run SET suspended = false"),
    (READER, "UPDATE hold SET released_at = now()"),
    (READER, "DELETE FROM audit"),
    (READER, "INSERT INTO audit (at, actor, action, target) VALUES (now(), 'a', 'b', 'c')"),
    (READER, "INSERT INTO consent (contact_id, subject, granted, at, source) VALUES (1, 1, true, now(), 't')"),
    (READER, "SELECT wording FROM consent"),
    # Who keeps people starts nothing, and writes no consent but as evidence.
    (CONTACTS, "UPDATE run SET suspended = false"),
    (CONTACTS, "UPDATE consent_current SET granted = true"),
    (CONTACTS, "INSERT INTO consent_current (subject, contact_id, granted, at) VALUES (1, 1, true, now())"),
    (CONTACTS, "UPDATE consent SET granted = true"),
    (CONTACTS, "UPDATE outcome SET kind = 'sent'"),
    (CONTACTS, "DELETE FROM suppression"),
    (CONTACTS, "DELETE FROM contact"),
    (CONTACTS, "INSERT INTO hold (scope, target, reason, actor) VALUES ('Everything', '', 'r', 'a')"),
    # A builder makes runs, and keeps no people.
    (BUILDER, "UPDATE contact SET attributes = '{}'"),
    (BUILDER, "INSERT INTO endpoint VALUES (1, 'Email', 'a', 'b', 'c')"),
    (BUILDER, "INSERT INTO consent (contact_id, subject, granted, at, source) VALUES (1, 1, true, now(), 't')"),
    (BUILDER, "DELETE FROM suppression"),
    (BUILDER, "SELECT detail FROM outcome"),
    (BUILDER, "DELETE FROM delivery"),
    (BUILDER, "UPDATE delivery SET contact_id = 1"),
    (BUILDER, "UPDATE hold SET released_at = now()"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("role", "statement"), REFUSED, ids=lambda value: value.name if isinstance(value, Role) else None
)
def test_what_is_not_its_work_is_refused(connection: Connection, role: Role, statement: str) -> None:
    two_brands(connection)
    with (
        logged_in(connection, role) as other,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"),
    ):
        other.execute(statement.encode())


@pytest.mark.parametrize("role", ROLES, ids=lambda role: str(role.name))
def test_nobody_binds_themselves_or_becomes_somebody_else(any_connection: Connection, role: Role) -> None:
    with logged_in(any_connection, role, brands=(SHOP,)) as connection:
        for statement in (
            "INSERT INTO brand_role (role, brand) VALUES (session_user, '*')",
            "SELECT * FROM brand_role",
            "SET ROLE herold",
            "SET SESSION AUTHORIZATION herold",
            "ALTER TABLE run DISABLE ROW LEVEL SECURITY",
            "CREATE POLICY mine ON run USING (true)",
            f"GRANT herold_{'reader' if role.name == 'worker' else 'worker'} TO session_user",
            "CREATE SCHEMA mine",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        connection.execute("SET row_security = off")
        if role is not WORKER:  # it reads no rows that could be many
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
                connection.execute("SELECT id FROM run")


def test_a_run_is_closed_by_close_run_only_and_it_proves_the_books(any_connection: Connection) -> None:
    made = two_brands(any_connection)
    run = made.runs[SHOP]
    with (
        login(any_connection, WORKER) as url,
        logged_in(any_connection, WORKER) as worker,
        logged_in(any_connection, OPERATOR) as operator,
        logged_in(any_connection, BUILDER) as builder,
    ):
        for connection in (worker, operator, builder):
            connection.execute("SELECT set_config('herold.closing', %s, false)", (str(run),))
            for statement in (
                "UPDATE run SET state = 'Closed', closed_at = now()",
                f"SELECT close_run({run})",
                "INSERT INTO run (id, state) VALUES (1, 'Closed')",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())
        hand = Hand(url)
        window = hand.window(made.lanes[SHOP], limit=4)
        close = "SELECT worker_close(%s)"
        assert worker.execute(close, (run,)).fetchone() == (False,)  # most wait, and one window is open
        with pytest.raises(psycopg.errors.RaiseException, match="does not cover it exactly"):
            hand.call(
                lambda ledger: ledger.execute(
                    "SELECT worker_record(%s, %s, '{1}', '{1}', '{sent}', '{250}', '{NULL}', '{NULL}', '{}')",
                    (run, window.id),
                )
            )
        hand.record(window, "sent")
        assert worker.execute(close, (run,)).fetchone() == (False,)
        rest = hand.window(made.lanes[SHOP])
        hand.record(rest, "sent")
        # A receipt that is lost between the rows and the counts: the rows decide, and they are one short.
        any_connection.execute("DELETE FROM outcome WHERE run_id = %s AND position = %s", (run, rest.positions[0]))
        with pytest.raises(psycopg.errors.RaiseException, match="cannot close: planned 10, settled 9"):
            worker.execute(close, (run,))
        state = "SELECT state FROM run WHERE id = %s"
        assert any_connection.execute(state, (run,)).fetchone() == ("Open",)
        any_connection.execute(
            "INSERT INTO outcome (run_id, position, attempt, kind) VALUES (%s, %s, 1, 'sent')", (run, rest.positions[0])
        )
        assert worker.execute(close, (run,)).fetchone() == (True,)
        assert any_connection.execute(state, (run,)).fetchone() == ("Closed",)
