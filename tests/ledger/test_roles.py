"""The database's roles: made by whoever may, told to a DBA where nobody may, and the same after each migration."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from herold.ledger.database import Connection, migrate
from herold.ledger.roles import READER, ROLES, apply_grants, build_database_grants, build_groups, missing_groups
from herold.processes.embedded import EmbeddedServer, embedded
from parts.logins import login, opened
from parts.postgres import fresh_database

ACL = """
    SELECT 'table', c.relname::text, a.grantee::regrole::text, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.relnamespace = 'herold'::regnamespace
    UNION ALL SELECT 'column', c.relname || '.' || t.attname, a.grantee::regrole::text, a.privilege_type
    FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
    WHERE c.relnamespace = 'herold'::regnamespace
    UNION ALL SELECT 'function', p.oid::regprocedure::text, a.grantee::regrole::text, a.privilege_type
    FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    WHERE p.pronamespace = 'herold'::regnamespace
    UNION ALL SELECT 'schema', nspname::text, a.grantee::regrole::text, a.privilege_type
    FROM pg_namespace, aclexplode(nspacl) a WHERE nspname = 'herold'
    UNION ALL SELECT 'database', '', a.grantee::regrole::text, a.privilege_type
    FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) a WHERE datname = current_database()"""


def rights(connection: Connection) -> set[tuple[str, str, str, str]]:
    """(kind, what, who, right); who is `-` for everybody."""
    return {tuple(row) for row in connection.execute(ACL).fetchall()}


def test_nobody_has_a_right_who_was_not_given_one(any_connection: Connection) -> None:
    assert apply_grants(any_connection) == []
    found = rights(any_connection)
    owner = any_connection.info.user
    assert {who for _, _, who, _ in found} == {owner, *(role.group for role in ROLES)}


def test_migrating_again_leaves_just_the_rights_that_are_declared(any_connection: Connection) -> None:
    apply_grants(any_connection)
    before = rights(any_connection)
    any_connection.execute("GRANT ALL ON run TO herold_worker; GRANT UPDATE (state) ON run TO herold_reader")
    any_connection.execute("GRANT SELECT ON contact TO PUBLIC")
    assert rights(any_connection) != before
    assert apply_grants(any_connection) == []
    assert rights(any_connection) == before


def test_an_owner_who_may_not_make_roles_says_what_a_dba_must_run(short_folder: Path) -> None:
    # A server of its own: groups belong to the whole server, and other tests make them.
    with embedded(short_folder) as server, opened(server.url("postgres")) as dba:
        dba.execute("CREATE ROLE company LOGIN")
        dba.execute("CREATE DATABASE ledger OWNER company")
        with opened(make_conninfo(server.url("ledger"), user="company")) as owner:
            migrate(owner)
            assert apply_grants(owner) == [build_groups()]
            assert missing_groups(owner) == [role.group for role in ROLES]
            dba.execute(build_groups().encode())
            assert apply_grants(owner) == []
            assert missing_groups(owner) == []
        # One whose database belongs to somebody else.
        dba.execute("ALTER DATABASE ledger OWNER TO herold")
        dba.execute("GRANT ALL ON DATABASE ledger TO PUBLIC")
        with opened(make_conninfo(server.url("ledger"), user="company")) as owner:
            asked = apply_grants(owner)
            assert asked == build_database_grants("ledger", "company")
            for statement in asked:
                dba.execute(statement.encode())
            assert apply_grants(owner) == []


def test_the_dbas_sql_may_run_twice(any_connection: Connection) -> None:
    for _ in range(2):
        any_connection.execute(build_groups().encode())
    found = any_connection.execute(
        "SELECT count(*) FROM pg_roles WHERE rolname = ANY (%s) AND NOT rolcanlogin AND NOT rolsuper",
        ([role.group for role in ROLES],),
    )
    assert found.fetchone() == (len(ROLES),)


def test_a_login_of_another_ledger_does_not_get_in(any_postgres_server: EmbeddedServer) -> None:
    with (
        fresh_database(any_postgres_server) as one,
        fresh_database(any_postgres_server) as other,
        opened(one) as first,
        opened(other) as second,
    ):
        apply_grants(first)
        apply_grants(second)
        with login(first, READER) as url:
            with opened(url) as reader:
                assert reader.execute("SELECT count(*) FROM run").fetchone() == (0,)
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(url, dbname=second.info.dbname)
