"""Whatever is killed between whichever two lines: a team hears of each thing, in its order, and after its id once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from controller.kills import (
    POINTS,
    kill_each_leader_at_a_write,
    killed_at_api_write,
    killed_at_ledger_write,
    writes_survived,
)
from controller.platform import Object, Platform
from controller.rig import Rig, rig_on, running
from herold.processes.embedded import EmbeddedServer
from parts.api_proxy import Point
from parts.kubernetes import wait_for
from parts.webhook_receiver import FakeReceiver, webhook_receiver

# Of a life of the rig: suspended, held as well, let go; it may be over before anybody sees it let go.
LIFE = ["held", "held", "started", "completed"]


@pytest.fixture
def receiver(platform: Platform) -> Iterator[FakeReceiver]:
    with webhook_receiver() as made:
        platform.declare_receiver(made.file)
        yield made


@pytest.fixture
def rig(platform: Platform, receiver: FakeReceiver, postgres_server: EmbeddedServer, tmp_path: Path) -> Iterator[Rig]:
    """Everything runs, and somebody listens."""
    with rig_on(platform, postgres_server, tmp_path) as made, running(platform.worker()):
        yield made


def check(rig: Rig, receiver: FakeReceiver, campaign: Object) -> None:
    """The end is as ever, and the team heard what it should."""
    rig.check(campaign)
    name = campaign["metadata"]["name"]

    def told() -> list[str]:
        return [each.kind.removeprefix("campaign.") for each in receiver.told() if each.data["name"] == name]

    wait_for(f"the end among {receiver.told()}", lambda: told()[-1:] == ["completed"], 90)
    assert [kind for kind in told() if kind != "released"] == LIFE
    assert told().count("released") <= 1
    query = "SELECT count(*) FROM notice WHERE name = %s AND outcome IS DISTINCT FROM 'Delivered'"
    wait_for("receipts", lambda: rig.platform.connection.execute(query, (name,)).fetchone() == (0,), 60)
    assert receiver.refused == []


def test_a_chain_of_operators_each_killed_at_its_second_write_to_the_api_tells_each_thing(
    rig: Rig, receiver: FakeReceiver
) -> None:
    kill_each_leader_at_a_write(rig, "answered", 2)
    campaign = rig.live()
    rig.api.forget_stops()
    check(rig, receiver, campaign)
    print(f"\n{rig.kills} operators were killed")
    assert rig.kills >= 3


def test_a_leader_that_dies_while_a_receiver_thinks_is_followed_by_one_that_asks_again(
    rig: Rig, receiver: FakeReceiver
) -> None:
    receiver.answer = lambda post: 0
    campaign = rig.live()
    wait_for("a post under way", lambda: receiver.posts)
    rig.kill()
    receiver.answer = lambda post: 200
    check(rig, receiver, campaign)
    first = receiver.posts[0].number
    assert [each.number for each in receiver.posts].count(first) == 2
    assert len({each.raw for each in receiver.posts if each.number == first}) == 1


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS)
def test_an_operator_killed_at_any_write_to_the_ledger_tells_each_thing(
    rig: Rig, receiver: FakeReceiver, point: Point
) -> None:
    assert writes_survived(rig, point, killed_at_ledger_write, partial(check, rig, receiver)) >= 12


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS)
def test_an_operator_killed_at_any_write_to_the_api_tells_each_thing(
    rig: Rig, receiver: FakeReceiver, point: Point
) -> None:
    assert writes_survived(rig, point, killed_at_api_write, partial(check, rig, receiver)) >= 12
