"""What a database of ours writes into its log: by its settings, tried on a real PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import psycopg
import pytest
from psycopg import sql

from herold.processes.embedded import EmbeddedServer
from herold_infra.aws.database import PARAMETERS
from herold_infra.kubernetes.component import Place
from herold_infra.kubernetes.postgres_settings import build_patroni

ADDRESS, PASSWORD = "ann@customers.example", "correct-horse-battery-staple"
PATRONI = build_patroni(Place("test", "herold-data"), 1, restores=False)["bootstrap"]["dcs"]["postgresql"]["parameters"]


@pytest.mark.parametrize("settings", [PARAMETERS, PATRONI], ids=["aws", "patroni"])
def test_neither_an_address_nor_a_password_is_in_the_log_of_what_failed_or_changed(
    settings: Mapping[str, object], any_postgres_server: EmbeddedServer, any_database: str
) -> None:
    log = any_postgres_server.folder / "postgresql.log"
    before = log.stat().st_size
    with psycopg.connect(any_database, autocommit=True) as connection:
        # Those that can be set for one connection; the others say nothing of statements.
        found = connection.execute(
            "SELECT name FROM pg_settings WHERE context IN ('superuser', 'user') AND name = ANY(%s)", [[*settings]]
        ).fetchall()
        for (name,) in found:
            if name.startswith("log_"):
                connection.execute("SELECT set_config(%s, %s, false)", [name, str(settings[name])])
        connection.execute("CREATE TEMPORARY TABLE people (address text UNIQUE)")
        connection.execute("INSERT INTO people VALUES (%s)", [ADDRESS])
        for statement in (
            sql.SQL("INSERT INTO people VALUES ({})"),
            sql.SQL("SELECT no_such_column, {}"),
            sql.SQL("DO $$ BEGIN PERFORM 1 / 0, {}; END $$"),
        ):
            with contextlib.suppress(psycopg.Error):
                connection.execute(statement.format(ADDRESS))
        with contextlib.suppress(psycopg.Error), connection.transaction(force_rollback=True):
            connection.execute(sql.SQL("CREATE ROLE somebody PASSWORD {}").format(PASSWORD))
    said = log.read_text(errors="replace")[before:]
    assert "duplicate key" in said
    assert "division by zero" in said
    assert ADDRESS not in said
    assert PASSWORD not in said
