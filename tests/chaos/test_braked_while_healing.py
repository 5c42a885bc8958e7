"""A brake that falls between the last reply of a window and its receipt must not spoil the connection for good."""

from __future__ import annotations

import pytest

from chaos.rig import rig_on, wait_until
from herold.ledger.holds import hold, release
from herold.processes.embedded import EmbeddedServer
from parts.ledger_proxy import proxied

pytestmark = pytest.mark.chaos


def test_a_slot_that_was_braked_after_its_last_message_sends_again(
    database: str, postgres_server: EmbeddedServer
) -> None:
    # The first recipient's 421 pauses the lane; the window after it works, and the worker says so to the ledger.
    with (
        rig_on(database, 250, sink=("--fault", "421=user1", "--accept-rate", "2000")) as world,
        proxied(postgres_server, database) as (proxy, url),
    ):
        run_id = world.start(world.campaign())
        proxy.stop_at("worker_heal_lane(", "answered")
        world.worker(database_url=url)
        healing = proxy.wait_hit()
        before = len(world.accepted())
        assert 0 < before < 250
        held = hold(world.connection, "Everything", "", reason="test", actor="test")
        for _ in range(2):  # the second look begins after the first was acted upon
            proxy.stop_at("FROM worker_braked(", "answered")
            proxy.wait_hit().release()
        healing.release()
        wait_until(lambda: world.status(run_id).sent == before, "the receipt is recorded")
        release(world.connection, held, actor="test")
        world.wait_closed(run_id, 15)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (250, [])
