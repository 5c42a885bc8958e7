"""Something on the worker's own machine breaks: it ends and says so, and another one goes on."""

from __future__ import annotations

import pytest

from chaos.rig import rig_on

pytestmark = pytest.mark.chaos


def test_a_worker_that_cannot_keep_its_mirror_of_the_ledger_ends_instead_of_idling(database: str) -> None:
    with rig_on(database, 2000, sink=("--accept-rate", "300")) as world:
        run_id = world.start(world.campaign())
        worker = world.worker(slots=2)
        world.wait_accepted(100)
        world.settings.fence_file.unlink()
        world.settings.fence_file.mkdir()
        assert worker.wait(20) not in (0, None)
        world.crew.remove(worker)
        assert "fence.json" in world.said()
        world.settings.fence_file.rmdir()
        world.sink.control.change("accept-rate", "0")
        world.worker(slots=2)
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (2000, [])
