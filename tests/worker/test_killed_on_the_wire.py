"""One worker, three recipients, and `kill -9` at each point of the conversation, as seen by the other end."""

from __future__ import annotations

import pytest

from chaos.rig import Rig, rig_on
from herold.processes.embedded import EmbeddedServer
from parts.ledger_proxy import Point, proxied

CLAIM, RECEIPT = "FROM worker_claim(", "worker_record_then_claim("


def finish(world: Rig, run_id: int) -> None:
    """Another worker takes over and ends the run."""
    world.worker()
    world.wait_closed(run_id)


@pytest.mark.parametrize(
    ("event", "which", "uncertain"),
    [
        ("opened", 1, 0),
        ("mail", 2, 0),
        ("rcpt", 2, 0),
        ("half", 2, 1),
        ("dot", 2, 1),
        ("reply", 2, 1),
    ],
)
def test_a_worker_killed_in_a_conversation_leaves_one_message_unclear_at_most(
    database: str, event: str, which: int, uncertain: int
) -> None:
    with rig_on(database, 3) as world:
        run_id = world.start(world.campaign())
        stop = world.sink.control.watch(event, which)
        victim = world.worker()
        world.sink.control.wait_hit()
        world.kill(victim)
        world.sink.control.drop(stop)
        finish(world, run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert len(verdict.uncertain) == uncertain
    # "reply": it was accepted, and only the relay knows; "half" and "dot": it was not, and nobody can know.
    assert verdict.accepted == 3 - uncertain * (event != "reply")


@pytest.mark.parametrize("point", ["before", "sent", "answered"])
@pytest.mark.parametrize("statement", [CLAIM, RECEIPT])
def test_a_worker_killed_at_a_statement_leaves_nothing_unclear(
    database: str, postgres_server: EmbeddedServer, statement: str, point: Point
) -> None:
    with rig_on(database, 3) as world, proxied(postgres_server, database) as (proxy, url):
        run_id = world.start(world.campaign())
        proxy.stop_at(statement, point)
        victim = world.worker(database_url=url)
        stopped = proxy.wait_hit()
        world.kill(victim)
        stopped.cut()
        finish(world, run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (3, [])
