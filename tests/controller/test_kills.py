"""An operator that is killed between any two writes: one run, everybody once, nothing told twice, all said in the end.

Kills fall at writes as they are seen on the wire, before the server hears of one and after it did it: no hooks are
in the product. Another replica stands by each time.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from controller.platform import Platform, approval, bounded, builds, world
from controller.rig import PEOPLE, Rig, rig_on, running
from herold.processes.embedded import EmbeddedServer
from parts.api_proxy import Point
from parts.jobs import is_over
from parts.kubernetes import wait_for

POINTS: tuple[Point, ...] = ("before", "answered")


@pytest.fixture
def rig(platform: Platform, postgres_server: EmbeddedServer, tmp_path: Path) -> Iterator[Rig]:
    """Everything runs; the worker does, all the time."""
    with rig_on(platform, postgres_server, tmp_path) as made, running(platform.worker()):
        yield made


@contextmanager
def killed_at_ledger_write(rig: Rig, point: Point, count: int) -> Iterator[None]:
    """The leader is killed at its `count`-th write to the ledger from now."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            with suppress(queue.Empty):
                stopped = rig.ledger.wait_hit(0.2)
                rig.kill()
                stopped.cut()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    rig.ledger.stop_at_write(point, count)
    try:
        yield
    finally:
        over.set()
        thread.join(30)


@pytest.mark.parametrize("point", POINTS)
def test_a_chain_of_operators_each_killed_at_its_first_write_carries_a_campaign_to_its_end(
    rig: Rig, point: Point
) -> None:
    # Each that is killed after its write was done leaves one write less to the next. One that is killed before it was
    # done leaves nothing: of those every second write is let through.
    every = 1 if point == "answered" else 2

    def again() -> None:
        rig.kill()
        rig.api.stop_at_soon(again, point, every)

    rig.api.stop_at(again, point, every)
    campaign = rig.live()
    rig.api.forget_stops()
    rig.check(campaign)
    print(f"\n{rig.kills} operators were killed")
    assert rig.kills >= 5


@pytest.fixture
def asking(platform: Platform, tmp_path: Path) -> None:
    """More than three people take an approval, whichever operator is asked."""
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "approval-above").write_text("3")
    platform.always["policy_dir"] = str(folder)


@pytest.mark.usefixtures("asking")
@pytest.mark.parametrize("point", POINTS)
def test_a_chain_of_killed_operators_starts_nothing_that_nobody_approved_or_somebody_took_back(
    rig: Rig, point: Point
) -> None:
    platform, node = rig.platform, rig.platform.node
    every = 1 if point == "answered" else 2
    *others, campaign = world(port=rig.sink.port)
    resources = [*others, bounded(campaign, 5)]
    campaign = resources[-1]

    def again() -> None:
        rig.kill()
        rig.api.stop_at_soon(again, point, every)

    rig.api.stop_at(again, point, every)
    platform.apply(*resources)
    platform.wait_reason(campaign, "Planned", "ApprovalMissing", 90)
    node.may_run = lambda pod: {"phase": "Pending"}
    platform.apply(approval(resources))
    platform.wait_reason(campaign, "Planned", "Building", 90)
    platform.api.delete(approval(resources))
    platform.wait_reason(campaign, "Planned", "ApprovalMissing", 90)
    wait_for("the request to be taken back", lambda: builds(platform) == [], 90)
    node.may_run = lambda pod: None
    wait_for("its Job to end", lambda: all(is_over(each) for each in node.jobs()), 90)
    assert platform.runs() == []
    platform.apply(approval(resources, name="after-all"))
    platform.wait_reason(campaign, "Completed", "EverybodySettled", 90)
    rig.api.forget_stops()
    print(f"\n{rig.kills} operators were killed")
    assert rig.kills >= 5
    assert [(run.planned, run.sent) for run in platform.runs()] == [(5, 5)]
    assert Counter(to for _, to in rig.sink.accepted()) == Counter(PEOPLE)


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS)
def test_an_operator_killed_at_any_write_to_the_api_changes_nothing_of_the_end(rig: Rig, point: Point) -> None:
    number = 0
    while True:
        number += 1
        kills = rig.kills
        rig.begin_anew()
        rig.api.stop_at(rig.kill, point, number)
        campaign = rig.live()
        rig.check(campaign)
        if rig.kills == kills:  # a life has no more writes than that
            break
    print(f"\nkilled {point} each of {number - 1} writes to the API")
    assert number > 15


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS)
def test_an_operator_killed_at_any_write_to_the_ledger_changes_nothing_of_the_end(rig: Rig, point: Point) -> None:
    number = 0
    while True:
        number += 1
        kills = rig.kills
        rig.begin_anew()
        with killed_at_ledger_write(rig, point, number):
            campaign = rig.live()
            rig.check(campaign)
        if rig.kills == kills:
            break
    print(f"\nkilled {point} each of {number - 1} writes to the ledger")
    assert number > 4
