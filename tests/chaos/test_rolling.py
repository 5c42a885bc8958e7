"""Workers are replaced in mid-campaign, as a rolling update does it, and race for the same work."""

from __future__ import annotations

import pytest

from chaos.rig import rig_on

pytestmark = pytest.mark.chaos


def test_all_workers_are_replaced_in_mid_campaign_and_nobody_notices(database: str) -> None:
    with rig_on(database, 4000, sink=("--accept-rate", "1000")) as world:
        run_id = world.start(world.campaign())
        old = [world.worker(slots=2) for _ in range(3)]
        world.wait_registered(3)
        world.wait_accepted(500)
        for each in old:
            world.worker(slots=2)
            assert world.terminate(each) == 0
            windows = world.connection.execute(
                "SELECT count(*) FROM send_window s JOIN worker w ON w.id = s.worker_id WHERE w.pid = %s", (each.pid,)
            ).fetchone()
            assert windows == (0,)
        assert world.status(run_id).state == "Open", "they were replaced in mid-campaign"
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
        said = world.said()
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (4000, [])
    assert "uncertain after a takeover" not in said


def test_sixteen_slots_race_for_a_small_campaign_and_nobody_gets_it_twice(database: str) -> None:
    with rig_on(database, 3000) as world:
        for _ in range(4):
            world.worker(slots=4)
        world.wait_registered(4)
        runs = []
        for name in ("one", "two", "three"):
            campaign = world.campaign(name, per_second="3000", campaign={"repeatPolicy": "Allow"})
            runs.append((name, world.start(campaign)))
        for name, run_id in runs:
            world.wait_closed(run_id)
            verdict = world.verdict(run_id, name)
            assert verdict.is_clean, verdict
            assert (verdict.accepted, verdict.uncertain) == (3000, [])
        workers = world.connection.execute("SELECT count(*) FROM worker").fetchone()
    assert workers == (4,)
