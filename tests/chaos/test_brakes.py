"""Brakes at full speed: the sink's log says when the last message was accepted."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest

from chaos.rig import NAMESPACE, Rig, rig_on, wait_until
from herold.ledger.holds import HoldScope, hold, release
from herold.ledger.runs import change_run
from herold.ledger.senders import sync_sender

pytestmark = pytest.mark.chaos

SECONDS = 2.0


def is_quiet(world: Rig) -> bool:
    """Nobody holds a window, so nothing is begun."""
    return world.connection.execute("SELECT count(*) FROM send_window").fetchone() == (0,)


def last_accepted(world: Rig, domain: str = "") -> float:
    """Epoch seconds of the last message to this domain."""
    return max(line[0] for line in world.sink.lines() if line[2].endswith(domain))


def on_hold(world: Rig, scope: HoldScope, target: str) -> Callable[[], None]:
    held = hold(world.connection, scope, target, reason="test", actor="test")
    return partial(release, world.connection, held, actor="test")


def test_every_brake_acts_within_two_seconds_and_lets_go_again(database: str) -> None:
    with rig_on(database, 40_000) as world:
        run_id = world.start(world.campaign())

        def suspend() -> Callable[[], None]:
            change_run(world.connection, run_id, "suspend", actor="test")
            return partial(change_run, world.connection, run_id, "resume", actor="test")

        brakes: dict[str, Callable[[], Callable[[], None]]] = {
            "suspend": suspend,
            "Everything": lambda: on_hold(world, "Everything", ""),
            "Team": lambda: on_hold(world, "Team", NAMESPACE),
            "Sender": lambda: on_hold(world, "Sender", "campaigns-shared/shop-newsletter"),
            "Campaign": lambda: on_hold(world, "Campaign", f"{NAMESPACE}/hello"),
        }
        for _ in range(2):
            world.worker(slots=2)
        world.wait_accepted(1000)
        took: dict[str, float] = {}
        for name, brake in brakes.items():
            began = time.time()
            go_on = brake()
            wait_until(lambda: is_quiet(world), f"{name}: no window is open", 10)
            took[name] = last_accepted(world) - began
            accepted = world.sink.control.counts()["accepted"]
            assert accepted < 40_000, "it stopped in mid-campaign"
            go_on()
            world.wait_accepted(min(accepted + 1000, 39_000))
        began = time.time()
        change_run(world.connection, run_id, "stop", actor="test")
        status = world.wait_closed(run_id)
        took["stop"] = last_accepted(world) - began
        verdict = world.verdict(run_id)
    assert max(took.values()) < SECONDS, took
    assert verdict.is_clean, verdict
    assert (status.sent, status.skipped, status.uncertain) == (verdict.accepted, 40_000 - verdict.accepted, 0)
    assert status.skipped > 0


def test_a_brake_reaches_into_windows_that_a_slow_relay_draws_out(database: str) -> None:
    with rig_on(database, 2000, sink=("--accept-rate", "40")) as world:
        run_id = world.start(world.campaign())
        world.worker(slots=2)
        took: dict[str, float] = {}
        holds: list[tuple[HoldScope, str]] = [
            ("Everything", ""),
            ("Domain", "mail.example"),
            ("Campaign", f"{NAMESPACE}/hello"),
        ]
        for scope, target in holds:
            world.wait_accepted(world.sink.control.counts()["accepted"] + 10)
            began = time.time()
            let_go = on_hold(world, scope, target)
            wait_until(lambda: is_quiet(world), f"{scope}: no window is open", 10)
            took[scope] = last_accepted(world) - began
            let_go()
        world.wait_accepted(world.sink.control.counts()["accepted"] + 10)
        began = time.time()
        change_run(world.connection, run_id, "stop", actor="test")
        status = world.wait_closed(run_id)
        took["stop"] = last_accepted(world) - began
        verdict = world.verdict(run_id)
    assert max(took.values()) < SECONDS, took
    assert verdict.is_clean, verdict
    assert (status.sent, status.skipped, status.uncertain) == (verdict.accepted, 2000 - verdict.accepted, 0)


def test_a_held_domain_is_left_out_and_the_others_go_on(database: str) -> None:
    with rig_on(database, 10_000, sink=("--accept-rate", "4000")) as world:
        world.add_people(10_000, "other.example")
        run_id = world.start(world.campaign())
        for _ in range(2):
            world.worker(slots=2)
        world.wait_accepted(1000)
        began = time.time()
        let_go = on_hold(world, "Domain", "mail.example")
        wait_until(lambda: world.status(run_id).sent >= 10_000, "all others were reached")
        wait_until(lambda: is_quiet(world), "no window is open")
        assert last_accepted(world, "mail.example") - began < SECONDS
        assert last_accepted(world, "other.example") - began > 0
        assert world.status(run_id).state == "Open"
        let_go()
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (20_000, [])


def test_a_changed_rate_acts_within_two_seconds(database: str) -> None:
    with rig_on(database, 20_000) as world:
        run_id = world.start(world.campaign(per_second="4000"))
        for _ in range(2):
            world.worker(slots=2)
        world.wait_accepted(1000)
        began = time.time()
        sync_sender(world.connection, world.campaign(per_second="20").sender)
        wait_until(lambda: last_accepted(world) - began > 6, "six seconds have passed")
        after = [line[0] - began for line in world.sink.lines() if line[0] > began]
        slow = [at for at in after if SECONDS < at <= 6]
        assert 0 < len(slow) <= 20 * 4 + 20, "20 a second, and a bucket of one second"
        assert after.index(next(at for at in after if at > SECONDS)) < 20_000 - 1000
        sync_sender(world.connection, world.campaign(per_second="100000").sender)
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (20_000, [])
