"""The database's logins on the local cluster: who gets which secret, and where."""

from __future__ import annotations

import re
import subprocess

import psycopg
import yaml
from local.cluster.herold import build_brands, build_migration, build_operator
from local.cluster.layout import PLATFORM_NAMESPACE, SENDERS_NAMESPACE
from local.cluster.logins import build_bindings, build_logins, build_script
from local.cluster.people import build_import

from herold.processes.embedded import EmbeddedServer
from herold.settings import Settings
from herold_operator.pods import Platform
from herold_operator.settings import OperatorSettings
from herold_operator.workers import build_worker_deployment
from parts.campaigns import small_campaign
from parts.logins import opened
from parts.postgres import fresh_database

LOGINS = build_logins({"shop", "travel"})
IMAGE = "localhost/herold:0123456789ab"


def database_secret(workload: dict[str, object]) -> tuple[str, str]:
    """(namespace, name) of the secret from which a workload has its database."""
    found = re.findall(r"HEROLD_DATABASE_URL.*?secretKeyRef:.*?name: ([-a-z]+)", yaml.safe_dump(workload), re.DOTALL)
    metadata = workload["metadata"]
    assert isinstance(metadata, dict)
    (name,) = found
    return metadata["namespace"], name


def test_each_workload_has_a_login_of_its_own_kind_where_it_runs() -> None:
    at = {(login.namespace, login.secret): login.roles for login in LOGINS}
    (operator,) = [item for item in build_operator(IMAGE) if item["kind"] == "Deployment"]
    sender = small_campaign().sender
    worker = build_worker_deployment(sender, 1, Platform.of(OperatorSettings(), Settings()))
    assert at[database_secret(build_migration(IMAGE))] == ()
    assert at[database_secret(operator)] == ("operator",)
    assert at[SENDERS_NAMESPACE, OperatorSettings().builder_database_secret] == ("builder",)
    assert at[database_secret(worker)] == ("worker",)
    assert at[database_secret(build_import("import-1", ["-"]))] == ("contacts",)
    assert build_brands() == {"shop"}


def test_only_secrets_of_workers_and_builders_lie_where_these_run() -> None:
    there = {login.secret: login.roles for login in LOGINS if login.namespace == SENDERS_NAMESPACE}
    assert there == {
        "herold-database-builder": ("builder",),
        "herold-database-worker-shop": ("worker",),
        "herold-database-worker-travel": ("worker",),
    }
    assert {login.namespace for login in LOGINS} == {SENDERS_NAMESPACE, PLATFORM_NAMESPACE}


def test_every_login_has_a_password_of_its_own() -> None:
    passwords = {login.name: f"secret-of-{login.name}" for login in LOGINS}
    script = build_script(LOGINS, passwords)
    for login in LOGINS:
        assert script.splitlines().count(f"\\set password secret-of-{login.name}") == 1
        assert f":secret-of-{login.name}@" in login.data(passwords[login.name], "postgres.example")["url"]


def test_psql_makes_them_and_a_second_time_changes_nothing(any_postgres_server: EmbeddedServer) -> None:
    script = build_script(LOGINS, {login.name: "a-password" for login in LOGINS})
    made = []
    for _ in range(2):
        psql = [str(any_postgres_server.bin / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        done = subprocess.run(
            [*psql, any_postgres_server.url("postgres")],
            input=script, text=True, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        with psycopg.connect(any_postgres_server.url("postgres")) as connection:
            made.append(
                connection.execute(
                    """SELECT r.rolname, r.rolsuper OR r.rolcreaterole, a.rolpassword LIKE 'SCRAM-SHA-256$%', array(
                           SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                           WHERE m.member = r.oid ORDER BY 1)
                       FROM pg_roles r JOIN pg_authid a ON a.oid = r.oid WHERE r.rolname LIKE 'pod_%' ORDER BY 1"""
                ).fetchall()
            )
    assert made[0] == made[1]
    assert [row[0] for row in made[0]] == sorted(login.name for login in LOGINS if login.roles)
    assert {(row[1], row[2]) for row in made[0]} == {(False, True)}
    assert {name: set(groups) for name, _, _, groups in made[0]} == {
        login.name: {f"herold_{role}" for role in login.roles} for login in LOGINS if login.roles
    }


def test_a_worker_sees_its_brand_and_every_other_workload_all(any_postgres_server: EmbeddedServer) -> None:
    with fresh_database(any_postgres_server) as url, opened(url) as connection:
        script = build_bindings(LOGINS).splitlines()
        assert script[0] == "\\connect herold"
        for _ in range(2):
            connection.execute("\n".join(script[1:]).encode())
        bound = dict(connection.execute("SELECT role, array_agg(brand) FROM brand_role GROUP BY 1").fetchall())
    assert bound == {login.name: list(login.brands) for login in LOGINS if login.roles}
    assert {login.brands for login in LOGINS if login.roles == ("worker",)} == {("shop",), ("travel",)}
