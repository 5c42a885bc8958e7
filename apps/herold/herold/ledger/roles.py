"""Roles of the database: one group for each kind of work, with the rights that its work needs and no other.

Groups can't log in; a login is a member of one of them. The owner of the schema migrates it and may all; nothing else
should use it. What is not named here is refused. Roles belong to the whole PostgreSQL cluster, their rights to one
database: ledgers beside each other share the groups.
"""

from __future__ import annotations

from dataclasses import dataclass

from herold.ledger.database import Connection, one


@dataclass(frozen=True, slots=True)
class Role:
    """A group. `rights` are GRANTs without their grantee; `database` are rights on the database itself."""

    name: str
    work: str
    rights: tuple[str, ...]
    database: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """Its name in PostgreSQL."""
        return f"herold_{self.name}"


_PEOPLE = "contact, endpoint, event, purchase, consent_subject, consent_current, suppression"
_QUEUE = "sender, sender_day, lane, run, run_zone, chunk, retry, send_window, tally, run_counts, worker, hold, audit"
# Every process asks first whose ledger this is, and of which version.
_ALL = ("USAGE ON SCHEMA herold", "SELECT ON migration, installation")
_HOLD = "INSERT (scope, target, reason, actor, expires_at) ON hold"
_AUDIT = "INSERT (actor, action, target, detail) ON audit"
_SENDERS = (
    "INSERT (namespace, name, spec, max_attempts, first_delay, max_delay), "
    "UPDATE (spec, max_attempts, first_delay, max_delay) ON sender",
    "INSERT (sender_id, name, domains, per_second), UPDATE (domains, per_second) ON lane",
    "INSERT (sender_id, day, allowed), UPDATE (allowed), DELETE ON sender_day",
)

WORKER = Role("worker", "claims windows, sends them, records what became of them", _ALL)
BUILDER = Role(
    "builder",
    "counts and freezes audiences",
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
        "EXECUTE ON FUNCTION make_months(), new_run_id(), run_month(timestamptz)",
        _HOLD,
        _AUDIT,
    ),
)
OPERATOR = Role(
    "operator",
    "brakes, starts, senders, counts",
    (
        *_ALL,
        f"SELECT ON {_QUEUE}",
        *_SENDERS,
        "UPDATE (suspended, stopped_at) ON run",
        "UPDATE (released_at, released_by) ON hold",
        "SELECT, INSERT, UPDATE, DELETE ON task",
        _HOLD,
        _AUDIT,
    ),
)
READER = Role(
    "reader",
    "plan, explain, deliveries, report, status; pulls a brake, and says what it read",
    (*_ALL, f"SELECT ON {_PEOPLE}, {_QUEUE}, delivery, outcome, task", _HOLD, _AUDIT),
)
CONTACTS = Role(
    "contacts",
    "imports, exports and erases people",
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
        "INSERT, UPDATE ON consent_current",
        "INSERT ON suppression",
        "UPDATE (detail) ON outcome",
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
    name = _quoted(database)
    grants = [f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {_quoted(owner)}"]
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
    database, owner, makes_roles, owns_database = one(
        connection,
        """SELECT current_database(), current_user, (rolsuper OR rolcreaterole),
                  pg_has_role((SELECT datdba FROM pg_database WHERE datname = current_database()), 'USAGE')
           FROM pg_roles WHERE rolname = current_user""",
    )
    if missing_groups(connection):
        if not makes_roles:
            return [build_groups(), *([] if owns_database else build_database_grants(database, owner))]
        connection.execute(build_groups().encode())
    with connection.transaction():
        connection.execute("SET LOCAL search_path = herold")
        for statement in build_grants():
            connection.execute(statement.encode())
        if owns_database:
            for statement in build_database_grants(database, owner):
                connection.execute(statement.encode())
            return []
    return _lacking_on_database(connection, database, owner)


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


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
