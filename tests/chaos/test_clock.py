"""The ledger's clock jumps. A jump is the same as all its stamps moving the other way, and that needs no root.

Workers' own clocks decide nothing: leases and deadlines are counted by the monotonic clock, times are the ledger's.
"""

from __future__ import annotations

import pytest

from chaos.rig import rig_on

pytestmark = pytest.mark.chaos

STAMPS = (
    "UPDATE worker SET expires_at = expires_at + %(by)s",
    "UPDATE lane SET refilled_at = refilled_at + %(by)s, paused_until = paused_until + %(by)s",
    "UPDATE retry SET due_at = due_at + %(by)s",
    "UPDATE send_window SET claimed_at = claimed_at + %(by)s",
)


@pytest.mark.parametrize("by", ["-1 hour", "1 hour"], ids=["ahead", "back"])
def test_a_jump_of_the_ledgers_clock_takes_nobodys_work_and_stops_nobody(database: str, by: str) -> None:
    with rig_on(database, 3000, sink=("--accept-rate", "1000")) as world:
        run_id = world.start(world.campaign())
        for _ in range(3):
            world.worker(slots=2)
        world.wait_registered(3)
        for accepted in (300, 900, 1500):
            world.wait_accepted(accepted)
            with world.connection.transaction():
                for statement in STAMPS:
                    world.connection.execute(statement, {"by": by})
        world.wait_closed(run_id, 30)
        verdict = world.verdict(run_id)
        said = world.said()
    assert "lease_lost" not in said
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (3000, [])
