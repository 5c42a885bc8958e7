"""Drills of the data services on the real cluster: what was acknowledged is there, whoever was killed. Needs root.

make e2e
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from local.cluster.database import Database
from local.cluster.kubectl import Kubectl
from local.cluster.progress import wait_until
from local.cluster.secret import known_value
from local.images.archive import Image
from local.images.data import build_postgres as build_postgres_image

from e2e import machine
from e2e.drill import CLIENTS, NAMESPACE, PLACE, VOLUMES, Drill, Rows, Writer, drill, image_of
from herold_infra.kubernetes.postgres import KEPT, PASSWORDS, PostgresArgs, build_postgres

DATABASE = Database(NAMESPACE, replicated=True)


@pytest.fixture(scope="session")
def postgres_image() -> Image:
    return image_of(build_postgres_image)


class Postgres:
    """A PostgreSQL of the drill."""

    def __init__(self, drill: Drill, image: Image) -> None:
        self.drill, self.image = drill, image

    def bring(self, members: int, *, image: str | None = None, until: str | None = None) -> None:
        """Apply, until all members are of it and ready, and somebody leads."""
        args = PostgresArgs(
            PLACE, image or self.image.by_digest, "postgres", CLIENTS, VOLUMES, members=members, restore_until=until
        )
        self.drill.apply(build_postgres(args))
        self.drill.wait_rolled()
        wait_until("PostgreSQL takes writes", self._writes, seconds=180)
        if members > 1:
            wait_until("a standby is synchronous", lambda: DATABASE.standby(self.drill.kubectl) != "", seconds=120)

    def _writes(self) -> bool:
        try:
            return self.rows().ask("SELECT pg_is_in_recovery()") == [(False,)]
        except Exception:
            return False

    def rows(self) -> Rows:
        """Through the Service of the leader."""
        password = known_value(self.drill.kubectl, NAMESPACE, "postgres", PASSWORDS["superuser"])
        assert password is not None
        return Rows(self.drill.address(), password)

    def leader(self) -> str:
        """Who leads, by what Patroni keeps in Kubernetes."""
        return DATABASE.leader(self.drill.kubectl)

    def lose_everything(self) -> None:
        """Members and their data are gone, and what Patroni knew of them. Backups stay."""
        kubectl, uid = self.drill.kubectl, self.drill.pod("postgres-0")["metadata"]["uid"]
        kubectl("delete", "statefulset", "postgres", "-n", NAMESPACE, "--cascade=orphan")
        self.drill.kill("postgres-0")
        wait_until("it is dead", lambda: not machine.processes_of(uid), seconds=60)
        kubectl("delete", "endpoints", *KEPT, "postgres", "-n", NAMESPACE, "--ignore-not-found")
        for number in range(3):
            folder = Path(VOLUMES.folder or "") / f"postgres-{number}"
            for each in folder.glob("*"):
                shutil.rmtree(each)

    def numbers(self) -> set[int]:
        """All rows."""
        return {number for (number,) in self.rows().ask("SELECT number FROM numbers")}


@pytest.fixture
def postgres(kubectl: Kubectl, postgres_image: Image) -> Iterator[Postgres]:
    with drill(kubectl, "postgres", postgres_image, PASSWORDS) as made:
        yield Postgres(made, postgres_image)


@pytest.fixture(scope="module")
def three(kubectl: Kubectl, postgres_image: Image) -> Iterator[Postgres]:
    """For drills that leave it as it was; the first of the others, with a namespace of its own, takes it away."""
    with drill(kubectl, "postgres", postgres_image, PASSWORDS) as made:
        yield Postgres(made, postgres_image)


@contextmanager
def writing(postgres: Postgres) -> Iterator[Writer]:
    """A writer at work, whose table is new."""
    rows = postgres.rows()
    rows.ask("DROP TABLE IF EXISTS numbers")
    rows.ask("CREATE TABLE numbers (number bigint PRIMARY KEY)")
    with Writer(rows.write) as writer:
        writer.goes_on()
        yield writer
    rows.close()


def test_postgres_loses_nothing_that_it_acknowledged_when_its_primary_is_killed(three: Postgres) -> None:
    three.bring(3)
    with writing(three) as writer:
        first = three.leader()
        three.drill.kill(first)
        writer.goes_on()
    assert not writer.tell(f"primary {first} killed, {three.leader()} leads", three.numbers)


def test_postgres_loses_nothing_that_it_acknowledged_when_its_primary_hangs_and_comes_back(
    three: Postgres,
) -> None:
    three.bring(3)
    with writing(three) as writer:
        first = three.leader()
        with machine.frozen(three.drill.pod(first)["metadata"]["uid"]):
            wait_until("somebody else leads", lambda: three.leader() not in {"", first}, seconds=120)
            writer.goes_on()
        writer.goes_on()
    assert not writer.tell(f"primary {first} hung, {three.leader()} leads", three.numbers)


def test_postgres_grows_to_three_members_rolls_and_shrinks_to_one_with_the_same_data(postgres: Postgres) -> None:
    postgres.bring(1)
    system = postgres.rows().ask("SELECT system_identifier FROM pg_control_system()")
    with writing(postgres) as writer:
        postgres.bring(3)
        writer.goes_on()
        assert not writer.tell("1 -> 3 members", postgres.numbers)
        strict = postgres.rows().ask("SHOW synchronous_standby_names")
        claims = _claims(postgres)
        postgres.bring(3, image=f"{postgres.image.name}:drill")
        writer.goes_on()
        assert not writer.tell("1 -> 3 members, another tag", postgres.numbers)
        assert _claims(postgres) == claims
        postgres.bring(1)
        writer.goes_on()
    assert not writer.tell("1 -> 3 -> 1 members", postgres.numbers)
    assert strict != [("",)]
    assert postgres.rows().ask("SHOW synchronous_standby_names") == [("",)]
    assert postgres.rows().ask("SELECT system_identifier FROM pg_control_system()") == system


def _claims(postgres: Postgres) -> dict[str, str]:
    found = postgres.drill.kubectl.get("persistentvolumeclaims", "-n", NAMESPACE)
    assert found is not None
    return {item["metadata"]["name"]: item["metadata"]["uid"] for item in found["items"]}


def test_postgres_is_restored_to_a_moment_and_the_ledger_in_it_stops_and_asks(
    postgres: Postgres, tmp_path: Path
) -> None:
    postgres.bring(1)
    rows = postgres.rows()
    herold = Ledger(rows, tmp_path)
    herold.run("ledger", "migrate")
    rows.ask("CREATE TABLE markers (name text, at timestamptz DEFAULT clock_timestamp())")
    wait_until("there is a base backup", lambda: bool(_backups(postgres)), seconds=120)
    # A moment before it can't be reached, and pgBackRest counts in seconds.
    ended = _backups(postgres)[0]["timestamp"]["stop"]
    later = f"SELECT extract(epoch FROM clock_timestamp()) >= {ended} + 2"
    wait_until("the backup is over for a second", lambda: rows.ask(later) == [(True,)], seconds=30)
    herold.open_windows(5)
    rows.ask("INSERT INTO markers (name) VALUES ('A')")
    ((moment,),) = rows.ask("SELECT clock_timestamp()")
    herold.open_windows(1)
    herold.run("ledger", "check")
    ((written,),) = rows.ask("INSERT INTO markers (name) VALUES ('B') RETURNING at")
    archived = _wait_archived(rows, written)
    print(f"\nin the archive {(archived - written).total_seconds():.1f} s after it was written: what a disaster loses")

    lost = time.monotonic()
    postgres.lose_everything()
    postgres.bring(1, until=moment.isoformat())
    print(f"restored to {moment.isoformat()} in {time.monotonic() - lost:.1f} s (RTO), of {_size(rows)}")
    rows = postgres.rows()
    assert rows.ask("SELECT name FROM markers") == [("A",)]
    code, said = herold.try_to("ledger", "check")
    assert code != 0
    assert "LedgerRegressed" in said
    assert "it does not know window 6, which was opened" in said, said
    # It goes on when a person takes it as it is.
    herold.run("ledger", "accept", "--reason", "a drill", "--yes")
    herold.run("ledger", "check")


class Ledger:
    """The command `herold` on a database of the drill, with a state folder of its own: there the fence is mirrored."""

    def __init__(self, rows: Rows, folder: Path) -> None:
        (folder / "key").write_text("k" * 40)
        self.environ = {
            **os.environ,
            "HEROLD_DATABASE_URL": rows.where,
            "HEROLD_SINGLE_NODE": "true",
            "HEROLD_STATE_DIR": str(folder),
        }
        self._rows = rows
        self._worker = uuid4()

    def open_windows(self, count: int) -> None:
        """As if a worker had been given so many windows: each leaves its mark, in a transaction of its own."""
        mark = (
            "INSERT INTO herold.mark AS m (worker_id, slot, number) VALUES (%s, 0, 1) "
            "ON CONFLICT (worker_id, slot) DO UPDATE SET number = m.number + 1, at = excluded.at"
        )
        with psycopg.connect(self._rows.where, autocommit=True) as connection:
            for _ in range(count):
                connection.execute(mark, (self._worker,))

    def try_to(self, *words: str) -> tuple[int, str]:
        """Its exit code and all that it said."""
        command = [str(Path(sys.executable).with_name("herold")), *words]
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr

    def run(self, *words: str) -> None:
        """It must succeed."""
        code, said = self.try_to(*words)
        assert code == 0, said


def _backups(postgres: Postgres) -> list[dict[str, Any]]:
    said = postgres.drill.execute("postgres-0", "pgbackrest", "info", "--output=json", container="backups")
    return list(json.loads(said)[0].get("backup", [])) if json.loads(said) else []


def _size(rows: Rows) -> str:
    return str(rows.ask("SELECT pg_size_pretty(sum(pg_database_size(oid))) FROM pg_database")[0][0])


def _wait_archived(rows: Rows, moment: Any) -> Any:
    """Until the archive has what was written at that moment, by itself; when that was."""
    query = "SELECT last_archived_time FROM pg_stat_archiver"
    wait_until("the archive has it", lambda: rows.ask(query)[0][0] > moment, seconds=120)
    return rows.ask(query)[0][0]
