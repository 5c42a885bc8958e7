"""The ledger goes away and comes back: the workers wait, and what they had in hand is recorded afterwards."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from chaos.rig import Rig, rig, wait_until
from herold.errors import Temporary
from herold.processes.embedded import EmbeddedServer

pytestmark = pytest.mark.chaos


def stop_fast(server: EmbeddedServer) -> None:
    server.stop("fast")


def stop_immediately(server: EmbeddedServer) -> None:
    server.stop("immediate")


def kill(server: EmbeddedServer) -> None:
    pid = server.postmaster_pid()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(pid), "the server is gone")


def start_again(server: EmbeddedServer) -> None:
    """What a killed server left may hold the shared memory for a moment."""

    def started() -> bool:
        try:
            server.start()
        except Temporary:
            return False
        return True

    wait_until(started, "the server starts again", every=0.2)


def outage(world: Rig, end: Callable[[EmbeddedServer], None], seconds: float) -> None:
    assert world.server is not None
    end(world.server)
    wait_until(lambda: '"ledger_is_away"' in world.said(), "a worker notices")
    time.sleep(seconds)  # the length of the outage is what is tested
    start_again(world.server)
    world.reconnect()


@pytest.mark.parametrize(
    ("end", "seconds"),
    [(stop_fast, 3.0), (stop_immediately, 3.0), (kill, 0.0), (kill, 3.0), (stop_immediately, 60.0)],
    ids=["stopped-3s", "crashed-3s", "killed", "killed-3s", "crashed-60s"],
)
def test_an_outage_of_the_ledger_makes_nothing_uncertain(end: Callable[[EmbeddedServer], None], seconds: float) -> None:
    with rig(3000, sink=("--accept-rate", "800")) as world:
        run_id = world.start(world.campaign())
        for _ in range(3):
            world.worker(slots=2)
        world.wait_accepted(600)
        outage(world, end, seconds)
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
        status = world.status(run_id)
        said = world.said()
    # Nobody takes the work of somebody who could not renew because there was no ledger.
    assert "lease_lost" not in said
    assert "uncertain after a takeover" not in said
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain, status.sent) == (3000, [], 3000)


def test_a_worker_killed_while_the_ledger_is_away_leaves_what_its_evidence_can_settle() -> None:
    with rig(300, sink=("--accept-rate", "200")) as world:
        assert world.server is not None
        run_id = world.start(world.campaign())
        victim = world.worker()
        world.wait_accepted(50)
        stop = world.sink.control.watch("dot")
        world.sink.control.wait_hit()
        stop_immediately(world.server)
        world.kill(victim)
        world.sink.control.drop(stop)
        start_again(world.server)
        world.reconnect()
        world.worker()
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, len(verdict.uncertain)) == (299, 1)
