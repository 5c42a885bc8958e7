"""API server and database away for a minute: brakes hold, nobody gets it twice, conditions recover by themselves."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.platform import TEAM, Platform, platform_on, world
from controller.rig import Rig, rig_on, running
from controller.test_writes import writes
from herold.ledger.holds import hold, release
from herold.processes.embedded import EmbeddedServer
from parts.kubernetes import api_server_in, wait_for

pytestmark = pytest.mark.chaos
MINUTE = 60.0
PEOPLE = 600
PER_SECOND = "5"


@pytest.fixture
def rig(database: str, postgres_server: EmbeddedServer, tmp_path: Path) -> Iterator[Rig]:
    """An API server of this test's own, many people, replicas that a kubelet would start again, and a worker."""
    with (
        api_server_in(tmp_path / "kubernetes") as api,
        platform_on(api, database, tmp_path / "test", people=PEOPLE) as platform,
        rig_on(platform, postgres_server, tmp_path) as made,
        refilled(made),
        running(platform.worker()),
    ):
        yield made


@contextmanager
def refilled(rig: Rig) -> Iterator[None]:
    """Whoever ends is started again, as a kubelet does."""
    over = threading.Event()

    def fill() -> None:
        while not over.wait(0.5):
            rig.fill()

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)


@contextmanager
def away(rig: Rig, what: str) -> Iterator[None]:
    """`what` is away for a minute, whatever happens meanwhile."""
    began = time.monotonic()
    if "API" in what:
        rig.platform.api.stop("kube-apiserver")
    if "database" in what:
        rig.ledger.cut_all(refuse=True)
    yield
    wait_for("the minute to pass", lambda: time.monotonic() - began > MINUTE, MINUTE + 5)
    if "API" in what:
        rig.platform.api.start("kube-apiserver")
        rig.platform.api.wait_ready()
    if "database" in what:
        rig.ledger.admit()


@pytest.mark.parametrize("what", ["API", "database", "API and database"])
def test_what_is_away_for_a_minute_costs_nobody_anything(rig: Rig, what: str) -> None:
    platform = rig.platform
    resources = world(port=rig.sink.port, per_second=PER_SECOND)
    campaign = resources[-1]
    platform.apply(*resources)
    platform.wait_reason(campaign, "Progressing", "Sending", 60)
    wait_for("some mails", lambda: len(rig.sink.accepted()) > 10, 60)
    with away(rig, what):
        # The brake goes to the ledger itself: through no proxy, as by an operator of the database.
        number = hold(platform.connection, "Team", TEAM, reason="wrong price", actor="anna")
        settled = [-1, 0]
        wait_for("it to stand still", lambda: still(rig, settled), 30, every=2)
    at_rest = len(rig.sink.accepted())
    assert at_rest < PEOPLE
    back = platform.api.audited()
    assert "wrong price" in platform.wait_reason(campaign, "Suspended", "Held", 90)["message"]
    platform.wait_reason(campaign, "Degraded", "AsExpected", 90)
    assert len(rig.sink.accepted()) == at_rest
    done = writes(platform.api.requests(back))
    assert {each[1] for each in done} <= {"campaigns/status", "events", "deployments"}, done
    assert len([each for each in done if each[1] == "campaigns/status"]) <= 3, done
    release(platform.connection, number, actor="anna")
    platform.wait_reason(campaign, "Suspended", "NotSuspended")
    # The rest may go faster.
    quick = {**resources[1]["spec"], "limits": {"perSecond": "100000"}}
    platform.apply({**resources[1], "spec": quick})
    platform.wait_reason(campaign, "Completed", "EverybodySettled", 120)
    got = Counter(to for _, to in rig.sink.accepted())
    assert (len(got), set(got.values())) == (PEOPLE, {1})
    assert platform.status(campaign)["counts"]["uncertain"] == 0
    assert len(platform.runs()) == 1


def still(rig: Rig, last: list[int]) -> bool:
    """Whether as many were accepted as at the last two looks."""
    last.append(len(rig.sink.accepted()))
    return last[-1] == last[-2] == last[-3]


def test_spec_changes_of_that_minute_are_obeyed_afterwards(rig: Rig) -> None:
    platform: Platform = rig.platform
    campaign = platform.declare(port=rig.sink.port, per_second=PER_SECOND)
    platform.wait_reason(campaign, "Progressing", "Sending", 60)
    with away(rig, "database"):
        platform.api.merge(campaign, {"spec": {"suspend": True}})
        assert (
            "the ledger does not answer"
            in platform.wait_reason(campaign, "Degraded", "LedgerUnavailable", 50)["message"]
        )
    platform.wait_reason(campaign, "Suspended", "SpecSuspend", 60)
    wait_for("the run to pause", lambda: platform.runs()[0].suspended)
    platform.wait_reason(campaign, "Degraded", "AsExpected")
