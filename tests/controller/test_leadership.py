"""One replica leads; another takes over within seconds, and nothing is done twice meanwhile."""

from __future__ import annotations

import signal
from datetime import UTC, datetime

import pytest

from controller.platform import PLATFORM, TEAM, Object, Operator, Platform, named, world
from controller.test_deletions import holds
from controller.test_events import wait_told
from controller.test_health import fetch
from controller.test_writes import writes
from herold.ledger.holds import active_holds
from parts.api_proxy import ApiProxy, api_proxy
from parts.exposition import value
from parts.kubernetes import free_port, wait_for

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{PLATFORM}/leases/herold-operator"
VISITS = "herold_operator_visit_seconds_count"


def holder(platform: Platform) -> str:
    return str(platform.api.ask("GET", LEASE)["spec"]["holderIdentity"])


def test_a_leader_that_stops_hands_over_at_once_and_one_that_is_killed_when_its_lease_is_over(
    platform: Platform,
) -> None:
    first = platform.operator(lease_seconds="60")  # much longer than the test waits: it is released, not over
    wait_for("the first to lead", lambda: first.events("leading"))
    second = platform.operator(lease_seconds="3")
    wait_for("the second to stand by", lambda: second.events("started"))
    campaign = platform.declare(campaign={"suspend": True})
    platform.wait_reason(campaign, "Suspended", "SpecSuspend")
    assert holder(platform) == "replica-1"
    assert second.events("leading") == []

    first.process.terminate()
    wait_for("the second to lead", lambda: holder(platform) == "replica-2")
    assert first.process.wait(30) == 0
    platform.api.merge(campaign, {"spec": {"suspend": False}})
    platform.wait_reason(campaign, "Suspended", "NotSuspended")

    third = platform.operator(lease_seconds="3")
    wait_for("the third to stand by", lambda: third.events("started"))
    second.stop(signal.SIGKILL)
    wait_for("the third to lead", lambda: holder(platform) == "replica-3")
    platform.api.merge(campaign, {"spec": {"suspend": True}})
    platform.wait_reason(campaign, "Suspended", "SpecSuspend")
    assert len(platform.runs()) == 1


def test_a_leader_that_slept_past_its_lease_ends_without_another_write(platform: Platform) -> None:
    first = platform.operator(lease_seconds="3")
    campaign = platform.declare(campaign={"suspend": True})
    platform.wait_reason(campaign, "Suspended", "SpecSuspend")
    wait_told(platform, campaign, "Suspended")  # the last that it has to write: nothing of it is on the way
    first.process.send_signal(signal.SIGSTOP)
    second = platform.operator(lease_seconds="3")
    wait_for("the second to lead", lambda: second.events("leading"))
    # Something to do for both of them.
    platform.api.merge(campaign, {"spec": {"suspend": False}})
    platform.wait_reason(campaign, "Suspended", "NotSuspended")
    wait_told(platform, campaign, "Resumed")
    second.process.send_signal(signal.SIGSTOP)
    platform.api.merge(campaign, {"spec": {"suspend": True}})
    before, moment = platform.api.audited(), datetime.now(UTC)
    first.process.send_signal(signal.SIGCONT)
    assert first.process.wait(30) == 70
    # What the second had asked for when it was stopped may be answered, and logged, only now.
    since = [
        each
        for each in platform.api.requests(before)
        if datetime.fromisoformat(each["requestReceivedTimestamp"]) >= moment
    ]
    assert writes(since) == []
    assert first.events("leadership_lost")
    second.process.send_signal(signal.SIGCONT)


def test_a_replica_that_lost_the_lease_ends_at_once(platform: Platform) -> None:
    operator = platform.operator(lease_seconds="3")
    wait_for("it to lead", lambda: operator.events("leading"))
    lease = platform.api.ask("GET", LEASE)
    lease["spec"]["holderIdentity"] = "somebody-else"
    platform.api.ask("PUT", LEASE, lease)
    assert operator.process.wait(10) == 70
    assert operator.events("leadership_lost")


def stand_by(platform: Platform, port: int, proxy: ApiProxy | None = None, **settings: str) -> Operator:
    """Start a replica beside the leader, and wait until it could lead and its start is over."""
    before = platform.api.audited()
    platform.api_port = proxy.port if proxy is not None else None
    started = platform.operator(health_port=str(port), **settings)
    wait_for("it to be ready", lambda: fetch(port, "/readyz") == "ok\n")
    wait_for("the look at everything soon after the start", lambda: platform.lists(before) >= 3)
    assert started.events("leading") == []
    return started


def led(platform: Platform, *resources: Object) -> Operator:
    """A leader whose Lease outlives the test, and who has judged the campaign that is the last of these."""
    operator = platform.operator(lease_seconds="60")
    wait_for("it to lead", lambda: operator.events("leading"))
    platform.apply(*resources)
    platform.wait_reason(resources[-1], "Planned", "AudienceFrozen")
    for item in resources:
        platform.wait_reason(item, "Valid", "Accepted")
    return operator


def test_a_replica_that_stands_by_writes_nothing_and_asks_the_ledger_nothing(platform: Platform) -> None:
    resources = world(campaign={"repeatPolicy": "Allow"})
    other = named(resources[-1], "other")
    led(platform, *resources)
    with api_proxy(platform.api) as proxy:
        platform.ledger_url = f"postgresql://127.0.0.1:{free_port()}/nobody-listens"
        port = free_port()
        standby = stand_by(platform, port, proxy)
        platform.apply(other)
        platform.wait_reason(other, "Planned", "AudienceFrozen")
        platform.api.merge(resources[-1], {"spec": {"suspend": True}})
        platform.wait_reason(resources[-1], "Suspended", "SpecSuspend")
        platform.api.delete(other)
        wait_for("the pause", lambda: holds(platform) == ["Orphaned"])
        assert proxy.writes == []
        assert standby.process.poll() is None
        assert {each["event"] for each in standby.events()} == {"started"}
        assert value(fetch(port, "/metrics"), "herold_operator_watch_missed_total") == 0


def test_an_edit_in_the_moment_of_a_hand_over_is_answered_once_and_nothing_else_is_written(platform: Platform) -> None:
    resources = world(campaign={"suspend": True})
    campaign = resources[-1]
    first = led(platform, *resources)
    platform.wait_reason(campaign, "Suspended", "SpecSuspend")
    second = stand_by(platform, free_port())
    before = platform.api.audited()
    first.process.terminate()
    platform.api.merge(campaign, {"spec": {"suspend": False}})
    wait_for("the second to lead", lambda: second.events("leading"))
    platform.wait_reason(campaign, "Suspended", "NotSuspended")
    wait_for("a worker to be asked for", lambda: [each for each in done(platform, before) if each[1] == "deployments"])
    assert first.process.wait(30) == 0
    said = [each for each in done(platform, before) if each[1] not in ("events", "deployments")]
    assert said == [("patch", "campaigns/status", "hello")]
    assert len(platform.runs()) == 1


def done(platform: Platform, since: float) -> list[tuple[str, str, str]]:
    """What operators wrote since, without what the test did."""
    return [each for each in writes(platform.api.requests(since)) if each[1] != "campaigns"]


def test_a_brake_that_the_leader_before_obeyed_holds_though_the_watch_of_the_next_one_lags(platform: Platform) -> None:
    resources = world()
    campaign = resources[-1]
    first = led(platform, *resources)
    port = free_port()
    with api_proxy(platform.api) as proxy:
        stand_by(platform, port, proxy)
        proxy.keep_watches()
        platform.api.merge(campaign, {"metadata": {"annotations": {"herold.dev/hold": "wrong price"}}})
        platform.wait_reason(campaign, "Suspended", "Held")
        (hold,) = active_holds(platform.connection)
        assert first.stop() == 0
        wait_for("a visit", lambda: value(fetch(port, "/metrics"), VISITS, kind="Campaign"))
        assert active_holds(platform.connection) == [hold]
        assert platform.status(campaign)["state"] == "Held"
        proxy.let_watches_go()


@pytest.mark.parametrize(("count", "reason"), [(1, "Orphaned"), (6, "MassDeletion")])
def test_what_is_deleted_while_nobody_leads_is_held_by_the_next_leader(
    platform: Platform, count: int, reason: str
) -> None:
    resources = world(campaign={"repeatPolicy": "Allow"})
    others = [named(resources[-1], f"campaign-{number}") for number in range(count)]
    first = led(platform, *resources[:-1], *others)
    for campaign in others:
        platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    second = stand_by(platform, free_port())
    first.stop(signal.SIGKILL)
    platform.api.ask("DELETE", f"/apis/herold.dev/v1alpha1/namespaces/{TEAM}/campaigns")
    assert second.events("leading") == []
    platform.api.ask("DELETE", LEASE)  # as if its time were over
    wait_for("all to be held", lambda: holds(platform) == [reason] * count)
    wait_for("the log to say so of each", lambda: len(second.events("campaign_vanished")) == count)
