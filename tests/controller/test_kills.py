"""An operator that is killed between any two writes: one run, everybody once, nothing told twice, all said in the end.

Another replica stands by each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.kills import (
    POINTS,
    kill_each_leader_at_a_write,
    killed_at_api_write,
    killed_at_ledger_write,
    writes_survived,
)
from controller.platform import Platform, approval, bounded, builds, world
from controller.rig import PEOPLE, Rig, rig_on, running
from herold.processes.embedded import EmbeddedServer
from parts.api_proxy import Point
from parts.jobs import is_over
from parts.kubernetes import wait_for


@pytest.fixture
def rig(platform: Platform, postgres_server: EmbeddedServer, tmp_path: Path) -> Iterator[Rig]:
    """Everything runs; the worker does, all the time."""
    with rig_on(platform, postgres_server, tmp_path) as made, running(platform.worker()):
        yield made


@pytest.mark.parametrize("point", POINTS)
def test_a_chain_of_operators_each_killed_at_its_first_write_carries_a_campaign_to_its_end(
    rig: Rig, point: Point
) -> None:
    # Each that is killed after its write was done leaves one write less to the next. One that is killed before it was
    # done leaves nothing: of those every second write is let through.
    every = 1 if point == "answered" else 2
    kill_each_leader_at_a_write(rig, point, every)
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
    kill_each_leader_at_a_write(rig, point, every)
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
    assert writes_survived(rig, point, killed_at_api_write, rig.check) >= 15


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS)
def test_an_operator_killed_at_any_write_to_the_ledger_changes_nothing_of_the_end(rig: Rig, point: Point) -> None:
    assert writes_survived(rig, point, killed_at_ledger_write, rig.check) >= 4
