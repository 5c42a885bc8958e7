"""Drills of the data services on the real cluster: what was acknowledged is there, whoever was killed. Needs root.

make e2e
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from local.cluster.kubectl import Kubectl
from local.cluster.progress import wait_until
from local.cluster.secret import known_value
from local.images.archive import Image
from local.images.data import build_postgres as build_postgres_image

from e2e import machine
from e2e.drill import CLIENTS, NAMESPACE, PLACE, VOLUMES, Drill, Rows, Writer, drill, image_of
from herold_infra.kubernetes.postgres import PASSWORDS, PostgresArgs, build_postgres


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
            wait_until("a standby is synchronous", lambda: self.standby() is not None, seconds=120)

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

    def _kept(self, name: str) -> dict[str, str]:
        found = self.drill.kubectl.get("endpoints", name, "-n", NAMESPACE)
        return dict(found["metadata"].get("annotations", {})) if found else {}

    def leader(self) -> str:
        """Who leads, by what Patroni keeps in Kubernetes."""
        return self._kept("postgres").get("leader", "")

    def standby(self) -> str | None:
        """Who is synchronous."""
        return self._kept("postgres-sync").get("sync_standby") or None

    def numbers(self) -> set[int]:
        """All rows."""
        return {number for (number,) in self.rows().ask("SELECT number FROM numbers")}


@pytest.fixture
def postgres(kubectl: Kubectl, postgres_image: Image) -> Iterator[Postgres]:
    with drill(kubectl, "postgres", postgres_image, PASSWORDS) as made:
        yield Postgres(made, postgres_image)


@contextmanager
def writing(postgres: Postgres) -> Iterator[Writer]:
    """A writer at work, whose table is new."""
    rows = postgres.rows()
    rows.ask("CREATE TABLE IF NOT EXISTS numbers (number bigint PRIMARY KEY)")
    with Writer(rows.write) as writer:
        writer.goes_on()
        yield writer
    rows.close()


def test_postgres_loses_nothing_that_it_acknowledged_when_its_primary_is_killed(postgres: Postgres) -> None:
    postgres.bring(3)
    with writing(postgres) as writer:
        first = postgres.leader()
        postgres.drill.kill(first)
        writer.goes_on()
    assert not writer.tell(f"primary {first} killed, {postgres.leader()} leads", postgres.numbers)


def test_postgres_loses_nothing_that_it_acknowledged_when_its_primary_hangs_and_comes_back(
    postgres: Postgres,
) -> None:
    postgres.bring(3)
    with writing(postgres) as writer:
        first = postgres.leader()
        with machine.frozen(postgres.drill.pod(first)["metadata"]["uid"]):
            wait_until("somebody else leads", lambda: postgres.leader() not in {"", first}, seconds=120)
            writer.goes_on()
        writer.goes_on()
    assert not writer.tell(f"primary {first} hung, {postgres.leader()} leads", postgres.numbers)


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
