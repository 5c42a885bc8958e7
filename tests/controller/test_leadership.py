"""One replica leads; another takes over within seconds, and nothing is done twice meanwhile."""

from __future__ import annotations

import signal

from controller.platform import PLATFORM, Platform, world
from controller.test_writes import writes
from parts.kubernetes import wait_for

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{PLATFORM}/leases/herold-operator"


def holder(platform: Platform) -> str:
    return str(platform.api.ask("GET", LEASE)["spec"]["holderIdentity"])


def test_a_leader_that_stops_hands_over_at_once_and_one_that_is_killed_when_its_lease_is_over(
    platform: Platform,
) -> None:
    first = platform.operator(lease_seconds="60")  # much longer than the test waits: it is released, not over
    wait_for("the first to lead", lambda: first.events("leading"))
    second = platform.operator(lease_seconds="3")
    wait_for("the second to stand by", lambda: second.events("started"))
    resources = world(campaign={"suspend": True})
    platform.apply(*resources)
    platform.wait_reason(resources[-1], "Suspended", "SpecSuspend")
    assert holder(platform) == "replica-1"
    assert second.events("leading") == []

    first.process.terminate()
    wait_for("the second to lead", lambda: holder(platform) == "replica-2")
    assert first.process.wait(30) == 0
    platform.api.merge(resources[-1], {"spec": {"suspend": False}})
    platform.wait_reason(resources[-1], "Suspended", "NotSuspended")

    third = platform.operator(lease_seconds="3")
    wait_for("the third to stand by", lambda: third.events("started"))
    second.stop(signal.SIGKILL)
    wait_for("the third to lead", lambda: holder(platform) == "replica-3")
    platform.api.merge(resources[-1], {"spec": {"suspend": True}})
    platform.wait_reason(resources[-1], "Suspended", "SpecSuspend")
    assert len(platform.runs()) == 1


def test_a_leader_that_slept_past_its_lease_ends_without_another_write(platform: Platform) -> None:
    first = platform.operator(lease_seconds="3")
    resources = world(campaign={"suspend": True})
    campaign = resources[-1]
    platform.apply(*resources)
    platform.wait_reason(campaign, "Suspended", "SpecSuspend")
    first.process.send_signal(signal.SIGSTOP)
    second = platform.operator(lease_seconds="3")
    wait_for("the second to lead", lambda: second.events("leading"))
    # Something to do for both of them.
    platform.api.merge(campaign, {"spec": {"suspend": False}})
    platform.wait_reason(campaign, "Suspended", "NotSuspended")
    second.process.send_signal(signal.SIGSTOP)
    platform.api.merge(campaign, {"spec": {"suspend": True}})
    before = platform.api.audited()
    first.process.send_signal(signal.SIGCONT)
    assert first.process.wait(30) == 70
    assert writes(platform.api.requests(before)) == []
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
