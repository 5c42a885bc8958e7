"""Campaigns on the real cluster, judged by what the relay accepted. Not collected by default: needs root.

make e2e
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from local.cluster.layout import SENDERS_NAMESPACE
from local.cluster.progress import wait_until

from e2e.cluster import Cluster
from e2e.people import TEAM, Crowd

Gather = Callable[[int], Crowd]
PER_SECOND = 40
FAST = 400  # the rest, once nothing more is done to it
# `herold_operator` lets workers go when they had nothing to do for 60 s.
IDLE = 150
STOPS_WITHIN = 2.0


def test_a_campaign_that_is_applied_reaches_each_person_once_from_no_worker_to_none(
    cluster: Cluster, gather: Gather
) -> None:
    crowd = gather(3)
    assert cluster.workers(crowd) == []
    cluster.start(crowd, per_second=PER_SECOND)
    cluster.wait_reason(crowd, "Completed", "EverybodySettled")
    assert cluster.recipients(crowd) == Counter(crowd.addresses)
    assert {each.campaign for each in cluster.accepted(crowd)} == {f"{crowd.name}-1:{TEAM}"}
    status = cluster.status(crowd)
    assert status["state"] == "Completed"
    assert (status["counts"]["planned"], status["counts"]["sent"]) == (3, 3)
    (row,) = cluster.kubectl("get", "campaign", crowd.name, "-n", TEAM, "--no-headers").splitlines()
    assert row.split()[:5] == [crowd.name, "Completed", "AsExpected", "3", "3"]
    said = cluster.words(crowd)
    assert crowd.name in said
    assert [address for address in crowd.addresses if address in said] == []
    wait_until("workers scale back to zero", lambda: cluster.replicas(crowd) == 0, seconds=IDLE)
    wait_until("the last worker is gone", lambda: cluster.workers(crowd) == [], seconds=IDLE)


def test_a_hold_stops_a_campaign_and_a_worker_that_is_deleted_loses_and_repeats_nothing(
    cluster: Cluster, gather: Gather
) -> None:
    crowd = gather(2000)
    cluster.start(crowd, per_second=PER_SECOND)
    cluster.wait_accepted(crowd, 200)

    held = datetime.now(UTC).timestamp()
    cluster.kubectl("annotate", "campaign", crowd.name, "-n", TEAM, "herold.dev/hold=wrong price")
    cluster.wait_reason(crowd, "Suspended", "Held", seconds=30)
    # A second hold of the same rate would have let at least 80 go in the time that two further looks at the log take.
    wait_until(
        "two seconds after the hold", lambda: datetime.now(UTC).timestamp() > held + 2 * STOPS_WITHIN, seconds=30
    )
    at_rest = cluster.accepted(crowd)
    wait_until("nothing has to come", lambda: datetime.now(UTC).timestamp() > held + 4 * STOPS_WITHIN, seconds=30)
    assert len(cluster.accepted(crowd)) == len(at_rest) < 2000
    late = max(each.at for each in at_rest) - held
    print(f"\nhold by annotation: the last mail was accepted {late:.2f} s later, {len(at_rest)} of 2000")
    assert late < STOPS_WITHIN

    cluster.kubectl("annotate", "campaign", crowd.name, "-n", TEAM, "herold.dev/hold-")
    cluster.wait_accepted(crowd, len(at_rest) + 200)
    victims = cluster.workers(crowd)
    assert victims
    cluster.kubectl("delete", "pod", *victims, "-n", SENDERS_NAMESPACE, "--wait=false")
    assert len(cluster.accepted(crowd)) < 2000
    wait_until("others work", lambda: bool(set(cluster.workers(crowd)) - set(victims)), seconds=120)
    cluster.pace(crowd, FAST)
    cluster.wait_reason(crowd, "Completed", "EverybodySettled", seconds=300)
    assert not set(cluster.workers(crowd)) & set(victims)

    assert cluster.recipients(crowd) == Counter(crowd.addresses)
    counts = cluster.status(crowd)["counts"]
    assert (counts["sent"], counts["uncertain"]) == (2000, 0)


def test_a_worker_that_is_killed_reaches_nobody_twice_and_names_whom_it_may_have_missed(
    cluster: Cluster, gather: Gather
) -> None:
    crowd = gather(600)
    cluster.start(crowd, per_second=PER_SECOND)
    for least in (100, 300):
        cluster.wait_accepted(crowd, least)
        assert cluster.kill_workers(crowd)
    assert len(cluster.accepted(crowd)) < 600
    cluster.wait_reason(crowd, "Completed", "EverybodySettled", seconds=300)

    recipients = cluster.recipients(crowd)
    counts = cluster.status(crowd)["counts"]
    missed = crowd.addresses - set(recipients)
    print(f"\ntwo kill -9: accepted {len(recipients)} of 600, twice {recipients.total() - len(recipients)}, {counts}")
    assert set(recipients.values()) == {1}
    assert set(recipients) <= crowd.addresses
    assert counts["sent"] + counts["uncertain"] == 600
    # A window holds at most one second of the rate.
    assert len(missed) <= counts["uncertain"] <= 2 * PER_SECOND
