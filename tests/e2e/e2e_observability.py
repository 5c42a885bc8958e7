"""On the real cluster: pods are Ready when they can work, metrics count what the relay took, `herold` answers in pods.

make e2e
"""

from __future__ import annotations

from collections.abc import Callable

from local.cluster.layout import PLATFORM_NAMESPACE, SENDERS_NAMESPACE
from local.cluster.progress import wait_until

from e2e.cluster import Cluster
from e2e.operators import PYTHON, leader, metrics
from e2e.people import TEAM, Crowd
from herold.worker.metrics import CATALOGUE as OF_THE_WORKER
from herold_operator.metrics import CATALOGUE as OF_THE_OPERATOR
from parts.exposition import check_declared, value

FAST = 400  # the rest, once everything is measured


def herold(cluster: Cluster, *words: str, workload: str = "herold-operator") -> str:
    """`herold …` as the runbooks tell people to run it."""
    where = ("exec", "-n", PLATFORM_NAMESPACE, f"deploy/{workload}", "--")
    return cluster.kubectl(*where, PYTHON, "-m", "herold.cli", *words, seconds=60)


def test_a_worker_pod_is_ready_with_its_lease_and_counts_what_the_relay_accepts(
    cluster: Cluster, gather: Callable[[int], Crowd]
) -> None:
    crowd = gather(600)
    sender = f"campaigns-shared/{crowd.name}"
    cluster.start(crowd, per_second=20)
    cluster.wait_accepted(crowd, 20)
    (pod, *_) = cluster.workers(crowd)
    cluster.kubectl("wait", "--for=condition=Ready", f"pod/{pod}", "-n", SENDERS_NAMESPACE, "--timeout=60s", seconds=70)
    wait_until(
        "the operator to see the worker's lease",
        lambda: (
            value(metrics(cluster, PLATFORM_NAMESPACE, leader(cluster)), "herold_sender_workers", sender=sender) == 1
        ),
        seconds=60,
    )
    text = metrics(cluster, PLATFORM_NAMESPACE, leader(cluster))
    check_declared(text, OF_THE_OPERATOR)
    assert (value(text, "herold_sender_due_messages", sender=sender) or 0) > 0
    assert value(text, "herold_operator_leading") == 1
    before = len(cluster.accepted(crowd))
    counted = metrics(cluster, SENDERS_NAMESPACE, pod)
    check_declared(counted, OF_THE_WORKER)
    sent = value(counted, "herold_worker_messages_total", sender=sender, lane="default", outcome="sent") or 0
    # What is in hand was accepted, and is counted when its window is done.
    assert 0 < sent <= len(cluster.accepted(crowd))
    assert sent >= before - 40
    assert not any(address in text + counted for address in crowd.addresses)
    assert not any(domain in text + counted for domain in {address.partition("@")[2] for address in crowd.addresses})
    cluster.pace(crowd, FAST)
    cluster.wait_reason(crowd, "Completed", "EverybodySettled", seconds=180)


def test_herold_answers_in_the_pods_of_the_platform(cluster: Cluster, gather: Callable[[int], Crowd]) -> None:
    crowd = gather(3)
    cluster.start(crowd, per_second=20)
    cluster.wait_reason(crowd, "Completed", "EverybodySettled")
    assert f"campaigns-shared/{crowd.name}" in herold(cluster, "lane", "list")
    assert "Completed" in herold(cluster, "status", f"{TEAM}/{crowd.name}")
    herold(cluster, "hold", "campaign", f"{TEAM}/{crowd.name}", "--reason", "a test of the runbooks", "--for", "1h")
    assert "a test of the runbooks" in herold(cluster, "hold", "list")
    assert "sent" in herold(cluster, "deliveries", f"{TEAM}/{crowd.name}", workload="herold-reader")
