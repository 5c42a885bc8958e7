"""A worker loses its connection to the ledger in the middle of a statement, and sets right what that left."""

from __future__ import annotations

import pytest

from chaos.rig import Rig, rig_on, wait_until
from herold.processes.embedded import EmbeddedServer
from parts.ledger_proxy import Point, proxied

pytestmark = pytest.mark.chaos


def end_all(world: Rig) -> int:
    """pg_terminate_backend of everybody else. How many."""
    row = world.connection.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("point", ["before", "sent", "answered"])
@pytest.mark.parametrize("statement", ["FROM worker_claim(", "worker_record_then_claim("])
def test_a_worker_cut_off_at_a_statement_loses_and_repeats_nothing(
    database: str, postgres_server: EmbeddedServer, statement: str, point: Point
) -> None:
    with rig_on(database, 3) as world, proxied(postgres_server, database) as (proxy, url):
        run_id = world.start(world.campaign())
        proxy.stop_at(statement, point)
        world.worker(database_url=url)
        proxy.wait_hit().cut()
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (3, [])


def test_connections_that_are_cut_again_and_again_cost_nothing(database: str, postgres_server: EmbeddedServer) -> None:
    with rig_on(database, 3000, sink=("--accept-rate", "1000")) as world, proxied(postgres_server, database) as way:
        proxy, url = way
        run_id = world.start(world.campaign())
        for _ in range(2):
            world.worker(slots=2, database_url=url)
        for accepted in range(200, 2600, 200):
            world.wait_accepted(accepted)
            proxy.cut_all()
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (3000, [])


def test_backends_that_the_server_ends_cost_nothing(database: str) -> None:
    with rig_on(database, 3000, sink=("--accept-rate", "1000")) as world:
        run_id = world.start(world.campaign())
        for _ in range(2):
            world.worker(slots=2)
        for accepted in range(200, 2600, 300):
            world.wait_accepted(accepted)
            wait_until(lambda: end_all(world), "a backend was ended")
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (3000, [])
