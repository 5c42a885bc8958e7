"""On the real cluster: what holds data has three members, and the leading PostgreSQL is lost in mid-campaign.

make e2e
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from local.cluster.database import OWN
from local.cluster.layout import DATA_NAMESPACE, NODE
from local.cluster.progress import wait_until

from e2e.cluster import Cluster
from e2e.conftest import must, run_cluster
from e2e.e2e_failures import ends_well, goes_on
from e2e.machine import lose
from e2e.people import Crowd

PER_SECOND = 20


@pytest.fixture
def replicated(cluster: Cluster) -> Iterator[Cluster]:
    """Three members of each, and one again afterwards, on the same data."""
    must(run_cluster("up", "--members", "3"))
    yield cluster
    must(run_cluster("up"))


def test_the_leading_postgresql_is_lost_in_mid_campaign_and_nobody_is_lost_or_written_to_twice(
    replicated: Cluster, gather: Callable[[int], Crowd]
) -> None:
    crowd = gather(1500)
    wait_until("a standby has everything", lambda: OWN.standby(replicated.kubectl) != "", seconds=180)
    replicated.start(crowd, per_second=PER_SECOND)
    replicated.wait_accepted(crowd, 40)
    first = OWN.leader(replicated.kubectl)
    lose(replicated.kubectl, DATA_NAMESPACE, first)
    goes_on(replicated, crowd)
    print(
        f"\n{first} killed, and back on its machine: {OWN.leader(replicated.kubectl)} leads, {pause(replicated, crowd)}"
    )

    wait_until("a standby has everything", lambda: OWN.standby(replicated.kubectl) != "", seconds=180)
    second = OWN.leader(replicated.kubectl)
    with no_room(replicated):
        lose(replicated.kubectl, DATA_NAMESPACE, second)
        wait_until("another one leads", lambda: OWN.leader(replicated.kubectl) not in ("", second), seconds=120)
        goes_on(replicated, crowd)
    print(f"{second} lost with its machine: {OWN.leader(replicated.kubectl)} leads, {pause(replicated, crowd)}")
    ends_well(replicated, crowd)


@contextmanager
def no_room(cluster: Cluster) -> Iterator[None]:
    """Nothing is started on the node: who is lost stays so."""
    cluster.kubectl("cordon", NODE)
    try:
        yield
    finally:
        cluster.kubectl("uncordon", NODE)


def pause(cluster: Cluster, crowd: Crowd) -> str:
    """The longest time without a mail so far."""
    times = [each.at for each in cluster.accepted(crowd)]
    return f"longest pause between mails {max(after - before for before, after in pairwise(times)):.1f} s"
