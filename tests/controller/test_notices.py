"""A team hears of its campaigns where the platform declared a receiver: each thing once, in its order, about nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.platform import TEAM, Platform, world
from controller.rig import PEOPLE, running
from parts.kubernetes import wait_for
from parts.smtp_sink import smtp_sink
from parts.webhook_receiver import FakeReceiver, Post, webhook_receiver


@pytest.fixture
def receiver(platform: Platform) -> Iterator[FakeReceiver]:
    """Of the team, as the platform declares it."""
    with webhook_receiver() as made:
        platform.declare_receiver(made.file)
        yield made


def wait_kind(receiver: FakeReceiver, kind: str, seconds: float = 30.0) -> Post:
    return wait_for(f"{kind} among {receiver.posts}", lambda: next(iter(receiver.told(kind)), None), seconds)


def test_the_team_hears_of_the_start_and_of_the_end_with_the_report(
    platform: Platform, receiver: FakeReceiver, tmp_path: Path
) -> None:
    platform.operator()
    with smtp_sink(tmp_path / "sink.log") as sink:
        resources = world(port=sink.port)
        campaign = resources[-1]
        platform.apply(*resources)
        with running(platform.worker()):
            platform.wait_reason(campaign, "Completed", "EverybodySettled")
    done = wait_kind(receiver, "campaign.completed")
    assert [each.kind for each in receiver.posts] == ["campaign.started", "campaign.completed"]
    (run,) = platform.runs()
    data = done.data
    assert (data["environment"], data["namespace"], data["name"]) == ("test", TEAM, "hello")
    assert (data["run"], data["occurrence"], data["generation"], data["mode"]) == (run.run_id, 1, 1, "Live")
    assert data["counts"] == {
        "planned": 5, "sent": 5, "deferred": 0, "failed": 0, "suppressed": 0, "skipped": 0, "uncertain": 0,
    }  # fmt: skip
    assert len(data["intentDigest"]) == 64
    assert done.body["text"].startswith(f"{TEAM}/hello (test): done. Of 5 people: 5 sent.")
    assert receiver.refused == []
    said = b"".join(each.raw for each in receiver.posts).decode()
    assert [address for address in PEOPLE if address in said] == []
    assert "@" not in said
