"""One replica leads; another takes over within seconds, and nothing is done twice meanwhile."""

from __future__ import annotations

import signal
import time

from controller.platform import PLATFORM, Platform, world
from parts.kubernetes import wait_for

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{PLATFORM}/leases/herold-operator"


def holder(platform: Platform) -> str:
    return str(platform.api.ask("GET", LEASE)["spec"]["holderIdentity"])


def test_a_leader_that_stops_hands_over_in_two_seconds_and_one_that_is_killed_in_ten(platform: Platform) -> None:
    first = platform.operator()
    wait_for("the first to lead", lambda: first.events("leading"))
    second = platform.operator()
    resources = world(campaign={"suspend": True})
    platform.apply(*resources)
    platform.wait_reason(resources[-1], "Suspended", "SpecSuspend")
    assert holder(platform) == "replica-1"
    assert second.events("leading") == []

    began = time.monotonic()
    first.process.terminate()
    wait_for("the second to lead", lambda: holder(platform) == "replica-2", 10)
    stopped = time.monotonic() - began
    assert first.process.wait(20) == 0
    platform.api.merge(resources[-1], {"spec": {"suspend": False}})
    platform.wait_reason(resources[-1], "Suspended", "NotSuspended")

    third = platform.operator()
    wait_for("the third to stand by", lambda: third.events("started"))
    began = time.monotonic()
    second.stop(signal.SIGKILL)
    wait_for("the third to lead", lambda: holder(platform) == "replica-3", 20)
    killed = time.monotonic() - began
    platform.api.merge(resources[-1], {"spec": {"suspend": True}})
    platform.wait_reason(resources[-1], "Suspended", "SpecSuspend")
    assert len(platform.runs()) == 1
    assert (stopped < 3, killed < 12) == (True, True), (stopped, killed)


def test_a_replica_that_lost_the_lease_ends_at_once(platform: Platform) -> None:
    operator = platform.operator(lease_seconds="3")
    wait_for("it to lead", lambda: operator.events("leading"))
    lease = platform.api.ask("GET", LEASE)
    lease["spec"]["holderIdentity"] = "somebody-else"
    platform.api.ask("PUT", LEASE, lease)
    assert operator.process.wait(10) == 70
    assert operator.events("leadership_lost")
