"""On the real cluster: what holds data has three members, and the leading PostgreSQL is lost in mid-campaign.

make e2e
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from local.cluster.database import OWN
from local.cluster.layout import DATA_NAMESPACE
from local.cluster.progress import wait_until

from e2e import machine
from e2e.cluster import Cluster
from e2e.conftest import must, run_cluster
from e2e.e2e_failures import ends_well, goes_on
from e2e.people import Crowd

PER_SECOND = 20


@pytest.fixture
def replicated(cluster: Cluster) -> Iterator[Cluster]:
    """Three members of each, and one again afterwards, on the same data."""
    must(run_cluster("up", "--members", "3"))
    yield cluster
    must(run_cluster("up"))


def standby(cluster: Cluster) -> str:
    """The member that has everything that was acknowledged, "" while there is none."""
    found = cluster.kubectl.get("endpoints", "postgres-sync", "-n", DATA_NAMESPACE)
    annotations = found["metadata"].get("annotations") or {} if found else {}
    return str(annotations.get("sync_standby") or "")


def test_the_leading_postgresql_is_lost_in_mid_campaign_and_nobody_is_lost_or_written_to_twice(
    replicated: Cluster, gather: Callable[[int], Crowd]
) -> None:
    crowd = gather(1500)
    wait_until("a standby has everything", lambda: standby(replicated) != "", seconds=180)
    replicated.start(crowd, per_second=PER_SECOND)
    replicated.wait_accepted(crowd, 40)
    for how in ("killed", "killed and deleted"):
        first = OWN.leader(replicated.kubectl)
        (uid,) = replicated.uids("-n", DATA_NAMESPACE, "--field-selector", f"metadata.name={first}")
        machine.send(machine.processes_of(uid), signal.SIGKILL)
        if "deleted" in how:
            words = ("pod", first, "-n", DATA_NAMESPACE, "--force", "--grace-period=0", "--wait=false")
            replicated.kubectl("delete", *words)
        goes_on(replicated, crowd)
        wait_until("somebody leads", lambda: OWN.answers(replicated.kubectl), seconds=120)
        wait_until("a standby has everything", lambda: standby(replicated) != "", seconds=180)
        print(f"\n{first} {how}: {OWN.leader(replicated.kubectl)} leads")
        goes_on(replicated, crowd)
    ends_well(replicated, crowd)
    times = [each.at for each in replicated.accepted(crowd)]
    pauses = sorted((after - before for before, after in pairwise(times)), reverse=True)
    print(f"the two longest pauses between mails: {pauses[0]:.1f} s, {pauses[1]:.1f} s")
