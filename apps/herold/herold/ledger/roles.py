"""Roles of the database: one group for each kind of work, with the rights that its work needs and no other.

Groups can't log in; a login is a member of one of them. The owner of the schema migrates it and may all; nothing else
should use it. What is not named here is refused. Roles belong to the whole PostgreSQL cluster, their rights to one
database: ledgers beside each other share the groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from herold.ledger.database import Connection, one


@dataclass(frozen=True, slots=True)
class Role:
    """A group. `work` and `never` are for people: what it is for, and what it can't do even when it is compromised.

    `rights` are GRANTs without their grantee; `database` are rights on the database itself.
    """

    name: str
    work: str
    never: str
    rights: tuple[str, ...]
    database: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """Its name in PostgreSQL."""
        return f"herold_{self.name}"


_PEOPLE = "contact, endpoint, event, purchase, consent_subject, consent_current, suppression"
_QUEUE = "sender, sender_day, lane, run, run_zone, chunk, retry, send_window, tally, run_counts, worker, hold, audit"
# Every process asks first whose ledger this is, and of which version; policies ask whom a session works for.
_ALL = (
    "USAGE ON SCHEMA herold",
    "SELECT ON migration, installation",
    "EXECUTE ON FUNCTION sees_all(), sees_any(), sees_brand(text), my_brands(), my_senders(), my_subjects(), "
    "subject_of(text, text, text), audit_run(text, jsonb)",
)
# A fence that is found broken stops everything: that may whoever looks at it.
_FENCE = (
    "EXECUTE ON FUNCTION ledger_fence(), ledger_look(uuid[], smallint[], bigint[]), ledger_mark(uuid), "
    "ledger_regress(text, bigint), ledger_regress(text)"  # the last for workers of schema 4, while an upgrade rolls
)
_HOLD = "INSERT (scope, target, reason, actor, expires_at) ON hold"
_AUDIT = "INSERT (actor, action, target, detail) ON audit"
_SENDERS = (
    "INSERT (namespace, name, spec, max_attempts, first_delay, max_delay), "
    "UPDATE (spec, max_attempts, first_delay, max_delay) ON sender",
    "INSERT (sender_id, name, domains, per_second), UPDATE (domains, per_second) ON lane",
    "INSERT (sender_id, day, allowed), UPDATE (allowed), DELETE ON sender_day",
)
_RECEIPT = "integer, bigint, integer[], smallint[], text[], smallint[], text[], text[], integer[]"
_ASK = "uuid, bigint, smallint, integer, integer"

WORKER = Role(
    "worker",
    "claims windows, sends them, records what became of them",
    "read people beyond the windows that it claims, lift a brake, say that a run is over before the books balance",
    (
        *_ALL,
        _FENCE,
        # What is sent, in whose name and over which route; and whether a new brake is to be obeyed.
        "SELECT (id, sender_id, resolved) ON run",
        "SELECT (id, namespace, name, brand, spec) ON sender",
        "SELECT (id, sender_id, name) ON lane",
        "SELECT (id, scope) ON hold",
        "EXECUTE ON FUNCTION worker_begin(uuid, text, integer, double precision), "
        "worker_renew(uuid, bigint, double precision), worker_end(uuid, bigint), worker_windows(uuid), "
        "worker_others(uuid), worker_take(uuid, text)",
        f"EXECUTE ON FUNCTION worker_claim({_ASK}), worker_record({_RECEIPT}), "
        f"worker_record_then_claim({_RECEIPT}, {_ASK})",
        "EXECUTE ON FUNCTION worker_lanes(), worker_braked(integer[]), worker_pause_lane(integer, text, boolean), "
        "worker_heal_lane(integer), worker_hold_run(integer, text), worker_sweep(), worker_close(integer)",
    ),
)
BUILDER = Role(
    "builder",
    "counts and freezes audiences, looks what would go wrong",
    "change people, consents or suppressions, record outcomes, release a hold",
    (
        *_ALL,
        f"SELECT ON {_PEOPLE}, {_QUEUE}, delivery",
        *_SENDERS,
        "INSERT (brand, topic, channel) ON consent_subject",
        "INSERT (id, namespace, name, occurrence, resolved, intent_digest, content_digest, sender_id, subject, "
        "transactional, suspended, first_due_at, start_by), "
        "UPDATE (suspended, planned, left_out, first_due_at, start_by) ON run",
        "INSERT ON run_zone, delivery, chunk",
        "SELECT, UPDATE (started_at, finished_at, resolved, outcome) ON task",
        "EXECUTE ON FUNCTION make_months(), new_run_id(), seed_contact(text, bytea, text, text)",
        _HOLD,
        _AUDIT,
    ),
)
OPERATOR = Role(
    "operator",
    "brakes, starts, senders, counts; tells teams",
    "read people, who got what, or replies of servers; change a run's books; accept a ledger that went backwards",
    (
        *_ALL,
        _FENCE,
        f"SELECT ON {_QUEUE}",
        *_SENDERS,
        "UPDATE (paused_until, pause_reason, faults) ON lane",
        "UPDATE (suspended, stopped_at) ON run",
        "UPDATE (released_at, released_by) ON hold",
        "SELECT, INSERT (kind, namespace, name, occurrence, digest, resolved, suspended, requested_by), "
        "UPDATE (digest, turn, resolved, suspended, requested_by, requested_at, started_at, finished_at, outcome), "
        "DELETE ON task",
        # Who is told what: nothing of it is about a person.
        "SELECT, INSERT (namespace, name, facts), UPDATE (facts, changed_at), DELETE ON told",
        "SELECT, INSERT (id, namespace, name, type, body), UPDATE (attempts, next_try_at, settled_at, outcome), "
        "DELETE ON notice",
        _HOLD,
        _AUDIT,
    ),
)
READER = Role(
    "reader",
    "plan, explain, deliveries, report, status; pulls a brake, and says what it read",
    "change anything else; release a hold; say that it was somebody else",
    (*_ALL, _FENCE, f"SELECT ON {_PEOPLE}, {_QUEUE}, delivery, outcome, task", _HOLD, _AUDIT),
)
CONTACTS = Role(
    "contacts",
    "imports, exports and erases people",
    "start, stop or release anything; change what was recorded but the text of replies; grant consent without evidence",
    (
        *_ALL,
        f"SELECT ON {_PEOPLE}, consent, run, delivery, outcome",
        "INSERT, UPDATE ON contact",
        "USAGE ON SEQUENCE contact_id_seq",
        "INSERT, UPDATE, DELETE ON endpoint",
        "INSERT, DELETE ON event",
        "INSERT, UPDATE (at, amount), DELETE ON purchase",
        "INSERT (brand, topic, channel) ON consent_subject",
        "INSERT, DELETE ON consent",
        "INSERT ON suppression",
        "UPDATE (detail) ON outcome",
        "EXECUTE ON FUNCTION analyze_people(text[])",
        _AUDIT,
    ),
    database=("TEMPORARY",),  # a file is staged before anything of it holds
)
ROLES = (WORKER, BUILDER, OPERATOR, READER, CONTACTS)


def build_groups() -> str:
    """SQL that makes the groups, for somebody who may make roles. Running it again changes nothing."""
    names = ", ".join(f"'{role.group}'" for role in ROLES)
    return f"""DO $$
DECLARE v_name text;
BEGIN
    FOREACH v_name IN ARRAY ARRAY[{names}] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', v_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- it is there, or somebody makes it at this moment
        END;
    END LOOP;
END $$;
"""


def build_grants() -> list[str]:
    """Statements of the schema's owner that give each group its rights, and take all others from it."""
    groups = ", ".join(role.group for role in ROLES)
    kinds = ("SCHEMA herold", *(f"ALL {kind} IN SCHEMA herold" for kind in ("TABLES", "SEQUENCES", "FUNCTIONS")))
    revokes = [f"REVOKE ALL ON {kind} FROM PUBLIC, {groups}" for kind in kinds]
    return [*revokes, *(f"GRANT {right} TO {role.group}" for role in ROLES for right in role.rights)]


def build_database_grants(database: str, owner: str) -> list[str]:
    """Statements of the database's owner: nobody connects to it who was not told to, but the schema's `owner`."""
    name = quoted(database)
    grants = [f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {quoted(owner)}"]
    grants += [f"GRANT {right} ON DATABASE {name} TO {role.group}" for role in ROLES for right in role.database]
    return [*grants, f"REVOKE ALL ON DATABASE {name} FROM PUBLIC"]


def missing_groups(connection: Connection) -> list[str]:
    """Groups that this PostgreSQL cluster does not have."""
    present = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
    return [role.group for role in ROLES if role.group not in present]


def apply_grants(connection: Connection) -> list[str]:
    """Make the groups if we may, and give them their rights. What somebody else must do, as SQL; nothing is usual.

    As the owner of the schema. Running it again changes nothing.
    """
    database, owner, owns_database = one(
        connection,
        """SELECT current_database(), current_user,
                  pg_has_role((SELECT datdba FROM pg_database WHERE datname = current_database()), 'USAGE')""",
    )
    if missing_groups(connection) and not try_all(connection, [build_groups()]):
        return [build_groups(), *([] if owns_database else build_database_grants(database, owner))]
    with connection.transaction():
        connection.execute("SET LOCAL search_path = herold")
        for statement in (*build_grants(), *(build_database_grants(database, owner) if owns_database else ())):
            connection.execute(statement.encode())
    return [] if owns_database else _lacking_on_database(connection, database, owner)


def try_all(connection: Connection, statements: list[str]) -> bool:
    """All of them or, where this user may not, none: False."""
    try:
        with connection.transaction():
            for statement in statements:
                connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _lacking_on_database(connection: Connection, database: str, owner: str) -> list[str]:
    """What its owner has not done yet."""
    open_to_all = one(
        connection,
        """SELECT EXISTS (SELECT FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
           WHERE datname = current_database() AND grantee = 0)""",
    )[0]
    told = all(
        one(connection, "SELECT has_database_privilege(%s, current_database(), %s)", (role.group, right))[0]
        for role in ROLES
        for right in role.database
    )
    return build_database_grants(database, owner) if open_to_all or not told else []


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'
