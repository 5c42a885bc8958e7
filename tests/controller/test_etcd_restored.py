"""etcd is restored from before a campaign was applied: its run waits for a person, and nobody gets it twice."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.platform import TEAM, Object, Platform, named, platform_on, world
from controller.test_deletions import holds
from controller.test_leadership import LEASE, stand_by
from herold.ledger.holds import active_holds, release
from parts.kubernetes import ApiServer, api_server_in, free_port, wait_for
from parts.smtp_sink import smtp_sink


@pytest.fixture
def own_platform(database: str, tmp_path: Path) -> Iterator[Platform]:
    """A platform with an API server of this test's own."""
    with api_server_in(tmp_path / "kubernetes") as api, platform_on(api, database, tmp_path / "test") as platform:
        yield platform


@contextmanager
def stopped(api: ApiServer) -> Iterator[None]:
    """Neither API server nor etcd run."""
    api.stop("kube-apiserver")
    api.stop("etcd")
    yield
    api.start("etcd")
    api.start("kube-apiserver")
    api.wait_ready()


def take_snapshot(api: ApiServer) -> None:
    """A copy of etcd's data, taken while it stands still: what its machine would have after a loss of power."""
    etcd = api.processes["etcd"]
    etcd.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, etcd.pid, os.WSTOPPED)  # until no thread of it is in the middle of a write
    try:
        shutil.copytree(api.folder / "etcd", api.folder / "etcd-before")
    finally:
        etcd.send_signal(signal.SIGCONT)


def restore(api: ApiServer) -> None:
    """etcd goes back to its copy."""
    with stopped(api):
        shutil.rmtree(api.folder / "etcd")
        shutil.copytree(api.folder / "etcd-before", api.folder / "etcd")


@contextmanager
def working(platform: Platform) -> Iterator[None]:
    worker = platform.worker()
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(30)


@pytest.mark.parametrize("who", ["the leader", "one that stood by", "one that begins anew"])
def test_a_campaign_younger_than_the_snapshot_waits_and_reaches_everybody_once_when_it_is_applied_again(
    own_platform: Platform, tmp_path: Path, who: str
) -> None:
    platform, api = own_platform, own_platform.api
    operator = platform.operator(lease_seconds="60", resync="5")
    survives = who == "the leader"
    with smtp_sink(tmp_path / "sink.log") as sink:
        resources = world(port=sink.port, campaign={"repeatPolicy": "Allow"})
        old, young = named(resources[-1], "old"), named(resources[-1], "young")
        platform.apply(*resources[:-1], {**old, "spec": {**old["spec"], "suspend": True}})
        platform.wait_reason(old, "Suspended", "SpecSuspend")
        take_snapshot(api)
        platform.api.merge(old, {"spec": {"suspend": False}})
        with working(platform):
            platform.wait_reason(old, "Completed", "EverybodySettled", 90)
        platform.apply(young)
        platform.wait_reason(young, "Planned", "AudienceFrozen", 60)
        if who == "one that stood by":
            stand_by(platform, free_port())
            operator.stop(signal.SIGKILL)  # nothing is handed over
        elif not survives:
            operator.stop()
        restore(api)
        if not survives:
            assert platform.status(old)["state"] == "Suspended"  # older than the ledger
            api.ask("DELETE", LEASE)
        if who == "one that begins anew":
            platform.operator(resync="5")
        wait_for("the orphan to be held", lambda: holds(platform) == ["Orphaned"], 90)
        platform.wait_reason(old, "Completed", "EverybodySettled", 90)
        with working(platform):
            platform.apply(young)
            platform.wait_reason(young, "Completed", "EverybodySettled", 90)
        got = Counter(said.partition(":")[0] for said, _ in sink.accepted())
        assert got == {"old-1": 5, "young-1": 5}
        assert len(Counter(sink.accepted())) == 10
    assert len(platform.runs()) == 2
    if survives:
        assert operator.process.poll() is None


def test_many_campaigns_younger_than_the_snapshot_wait_for_a_person(own_platform: Platform, tmp_path: Path) -> None:
    platform, api = own_platform, own_platform.api
    operator = platform.operator(lease_seconds="60")  # it outlives the snapshot
    resources = world(campaign={"repeatPolicy": "Allow"})
    platform.apply(*resources[:-1])
    platform.wait_reason(resources[0], "Valid", "Accepted")
    take_snapshot(api)
    many = [named(resources[-1], f"campaign-{number}") for number in range(6)]
    platform.apply(*many)
    for campaign in many:
        platform.wait_reason(campaign, "Planned", "AudienceFrozen", 60)
    operator.stop()
    restore(api)
    api.ask("DELETE", LEASE)
    platform.operator()  # knows nothing of what was
    wait_for("all to be held", lambda: holds(platform) == ["MassDeletion"] * 6, 60)
    platform.apply(*many)
    for campaign in many:
        platform.wait_reason(campaign, "Suspended", "MassDeletion", 60)
    _let_go(platform, many[0])
    platform.wait_reason(many[0], "Suspended", "NotSuspended")
    assert holds(platform) == ["MassDeletion"] * 5
    assert len(platform.runs()) == 6


def _let_go(platform: Platform, campaign: Object) -> None:
    target = f"{TEAM}/{campaign['metadata']['name']}"
    (number,) = [each.id for each in active_holds(platform.connection) if each.target == target]
    release(platform.connection, number, actor="somebody")
