"""The ledger is put back to an older copy of itself: it forgot what went out since, and so nothing more may."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time

import pytest

from chaos.rig import Rig, rig, wait_until
from herold.errors import Refused
from herold.ledger.fence import accept_ledger
from herold.ledger.runs import change_run
from herold.processes.ledger import open_for_sending

pytestmark = pytest.mark.chaos


def back_up(world: Rig, run_id: int) -> set[str]:
    """A copy of the stopped server's folder. Recipients of the windows that are open in it."""
    assert world.server is not None
    for process in world.crew:
        process.send_signal(signal.SIGSTOP)
    open_then = in_hand(world, run_id)
    world.server.stop("fast")
    subprocess.run(["cp", "-a", str(world.server.data), str(world.state / "backup")], check=True)
    world.server.start()
    world.reconnect()
    for process in world.crew:
        process.send_signal(signal.SIGCONT)
    return open_then


def restore(world: Rig) -> None:
    """Put the copy in the place of what is there now."""
    assert world.server is not None
    world.server.stop("immediate")
    shutil.rmtree(world.server.data)
    subprocess.run(["cp", "-a", str(world.state / "backup"), str(world.server.data)], check=True)
    world.server.start()
    world.reconnect()


def has_regressed(world: Rig) -> bool:
    return world.connection.execute("SELECT 1 FROM installation WHERE regressed_at IS NOT NULL").fetchone() is not None


def in_hand(world: Rig, run_id: int) -> set[str]:
    """Recipients in windows that are open now."""
    rows = world.connection.execute(
        "SELECT e.address FROM send_window s, unnest(s.positions) p "
        "JOIN delivery d ON d.run_id = %s AND d.position = p JOIN endpoint e USING (contact_id)",
        (run_id,),
    )
    return {row[0] for row in rows}


def accept(world: Rig) -> None:
    accept_ledger(world.connection, world.settings.fence_file, actor="test", reason="test")


def test_workers_that_run_stop_when_the_ledger_went_backwards() -> None:
    with rig(2000, sink=("--accept-rate", "300")) as world:
        run_id = world.start(world.campaign())
        for _ in range(2):
            world.worker(slots=2)
        world.wait_accepted(100)
        open_then = back_up(world, run_id)
        assert open_then, "the copy was made while windows were open"
        world.wait_accepted(1200)
        restore(world)
        wait_until(lambda: has_regressed(world), "a worker notices")
        wait_until(lambda: world.said().count('"ledger_regressed"') >= 2, "both workers have noticed")
        noticed = time.time()
        time.sleep(3)  # nothing is awaited: nothing must come
        assert max(line[0] for line in world.sink.lines()) - noticed < 2
        assert len(world.accepted()) == len(set(world.accepted())), "nobody got it twice"

        # A person looks at the relay's log, stops the run, and takes the ledger as it is.
        change_run(world.connection, run_id, "stop", actor="test")
        accept(world)
        status = world.wait_closed(run_id)
        accepted_by_all = world.accepted()
        verdict = world.verdict(run_id)
    assert verdict.twice == []
    assert verdict.lost == []
    # Whose window was open when the copy was made: the ledger can't know, and says so.
    assert status.uncertain > 0
    assert set(verdict.uncertain) <= open_then
    assert status.sent + status.uncertain + status.skipped == 2000
    assert len(accepted_by_all) < 2000


def test_what_was_open_in_the_copy_is_never_sent_again() -> None:
    with rig(2000, sink=("--accept-rate", "300")) as world:
        run_id = world.start(world.campaign())
        for _ in range(2):
            world.worker(slots=2)
        world.wait_accepted(100)
        open_then = back_up(world, run_id)
        world.wait_accepted(1200)
        restore(world)
        wait_until(lambda: world.said().count('"ledger_regressed"') >= 2, "both workers have noticed")
        world.sink.control.change("accept-rate", "0")
        accept(world)
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.lost == []
    assert not open_then & set(verdict.twice)


def test_what_a_dead_worker_had_open_in_the_copy_is_never_sent_again() -> None:
    with rig(1000, sink=("--accept-rate", "300")) as world:
        run_id = world.start(world.campaign())
        victim = world.worker()
        world.wait_accepted(50)
        open_then = back_up(world, run_id)
        world.wait_accepted(600)
        world.kill(victim)
        restore(world)
        accept(world)
        world.sink.control.change("accept-rate", "0")
        world.worker()
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.lost == []
    assert len(open_then) == 200
    assert not open_then & set(verdict.twice)
    assert set(verdict.uncertain) == open_then


def test_nothing_starts_on_a_ledger_that_went_backwards_while_all_were_stopped() -> None:
    with rig(1000) as world:
        run_id = world.start(world.campaign())
        back_up(world, run_id)
        first = world.worker()
        world.wait_closed(run_id)
        world.terminate(first)
        restore(world)
        assert world.status(run_id).state == "Open", "the copy knows nothing of what went out"
        late = world.worker()
        assert late.wait(30) == 4
        world.crew.remove(late)
        assert "went backwards" in world.said()
        with pytest.raises(Refused, match="went backwards"), open_for_sending(world.settings):
            pass
        change_run(world.connection, run_id, "stop", actor="test")
        accept(world)
        world.worker()
        world.wait_closed(run_id)
        assert sorted(world.accepted()) == sorted(world.addresses)
