"""A worker that is stopped for longer than its lease and then goes on: others have its work by then."""

from __future__ import annotations

import signal
import subprocess

import pytest

from chaos.rig import Rig, rig_on, wait_until

pytestmark = pytest.mark.chaos


def stop_past_its_lease(world: Rig, run_id: int, *, others: int) -> tuple[subprocess.Popen[bytes], set[str]]:
    """Stop the holder of a window in the middle of it until another took it. The stopped one, and its recipients."""
    sleeper = world.holder(run_id)
    world.wait_accepted(5)
    sleeper.send_signal(signal.SIGSTOP)
    rows = world.connection.execute(
        "SELECT e.address FROM send_window s, unnest(s.positions) p "
        "JOIN delivery d ON d.position = p JOIN endpoint e USING (contact_id) WHERE d.run_id = s.run_id"
    )
    mine = {row[0] for row in rows}
    assert len(mine) == 200
    for _ in range(others):
        world.worker()

    def taken() -> bool:
        row = world.connection.execute("SELECT ended_at FROM worker WHERE pid = %s", (sleeper.pid,)).fetchone()
        return row is not None and row[0] is not None

    wait_until(taken, "the lease is taken", 45)
    return sleeper, mine


def test_a_worker_that_was_stopped_past_its_lease_begins_nothing_more(database: str) -> None:
    with rig_on(database, 200, sink=("--accept-rate", "20")) as world:
        run_id = world.start(world.campaign())
        world.worker()
        sleeper, _ = stop_past_its_lease(world, run_id, others=1)
        closed = world.wait_closed(run_id)
        before = world.accepted()
        assert closed.uncertain == 200
        world.sink.control.change("accept-rate", "0")
        sleeper.send_signal(signal.SIGCONT)
        wait_until(lambda: world.status(run_id).uncertain == 0, "the truth about its window comes in late")
        after = world.accepted()
        verdict = world.verdict(run_id)
        status = world.status(run_id)
    assert verdict.is_clean, verdict
    # What the relay had in its hands when the worker was stopped it took; nothing left after that.
    assert len(after) - len(before) <= 1
    assert (status.sent, status.skipped, status.state) == (len(after), 200 - len(after), "Closed")


def test_what_a_stopped_worker_had_not_begun_is_sent_by_others_once_that_is_known(database: str) -> None:
    with rig_on(database, 320, sink=("--accept-rate", "5")) as world:
        run_id = world.start(world.campaign())
        world.worker()
        sleeper, mine = stop_past_its_lease(world, run_id, others=1)
        wait_until(lambda: world.status(run_id).uncertain == len(mine), "its window is uncertain")
        assert world.status(run_id).state == "Open"
        sleeper.send_signal(signal.SIGCONT)
        wait_until(lambda: world.status(run_id).uncertain == 0, "the truth about its window comes in late")
        world.sink.control.change("accept-rate", "0")
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (320, [])


def test_a_worker_that_was_stopped_for_less_than_its_lease_goes_on(database: str) -> None:
    with rig_on(database, 400, sink=("--accept-rate", "100")) as world:
        run_id = world.start(world.campaign())
        first = world.worker()
        world.wait_accepted(20)
        first.send_signal(signal.SIGSTOP)
        world.worker()
        world.wait_registered(2)
        world.wait_accepted(100)
        first.send_signal(signal.SIGCONT)
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (400, [])
