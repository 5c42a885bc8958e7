"""The cluster itself: what `make up` promises about it. Not collected by default: needs root and changes this machine.

make e2e
"""

from __future__ import annotations

import os
import re
from uuid import uuid4

import pytest
from local.cluster import traces
from local.cluster.database import OWN
from local.cluster.layout import API_SERVICE_ADDRESS, DATA_NAMESPACE, PLATFORM_NAMESPACE, SENDERS_NAMESPACE, here
from local.cluster.policies import TABLE
from local.cluster.process import find
from local.cluster.progress import wait_until
from local.command import CommandFailed, run

from e2e.cluster import Cluster
from e2e.conftest import must, run_cluster
from e2e.people import Item
from e2e.pods import USES_LEDGER, WORKER, build_pod, run_pod

pytestmark = pytest.mark.usefixtures("cluster")

SENDS = """
import smtplib, sys
with smtplib.SMTP("sink.herold-platform", timeout=10) as relay:
    relay.sendmail("news@example.com", [sys.argv[1]], "Subject: hello\\r\\n\\r\\nhello\\r\\n")
"""
RESOLVES = """
import socket, sys
try:
    print(socket.gethostbyname(sys.argv[1]))
except socket.gaierror:
    print("unknown")
"""


def python(code: str, *words: str) -> list[str]:
    return ["/usr/bin/python3.11", "-c", code, *words]


def test_up_when_all_is_up_changes_nothing(cluster: Cluster) -> None:
    before = {name: find(here(), name) for name in traces.NAMES}
    must(run_cluster("up"))
    assert None not in before.values()
    assert {name: find(here(), name) for name in traces.NAMES} == before


def test_a_pod_knows_the_names_of_the_cluster_and_no_others(cluster: Cluster) -> None:
    known = run_pod(cluster, python(RESOLVES, "kubernetes.default.svc.cluster.local"))
    assert known == ("Succeeded", f"{API_SERVICE_ADDRESS}\n")
    assert run_pod(cluster, python(RESOLVES, "www.example.com")) == ("Succeeded", "unknown\n")


def test_the_root_of_a_pod_can_not_be_written(cluster: Cluster) -> None:
    phase, words = run_pod(cluster, ["/bin/sh", "-c", "id -u; echo x > /opt/herold/x"])
    assert phase == "Failed"
    assert "65532" in words.splitlines()  # two streams: either may come first
    assert "Read-only file system" in words


def test_herold_in_a_pod_keeps_its_ledger_in_the_platforms_database(cluster: Cluster) -> None:
    # A database of its own: a ledger belongs to the key of the installation that made it.
    name = f"e2e_{uuid4().hex[:8]}"
    kubectl = cluster.kubectl
    OWN.query(kubectl, f"CREATE DATABASE {name} OWNER herold")
    environ: list[Item] = [
        {"name": "BASE_URL", "valueFrom": {"secretKeyRef": {"name": "herold-database", "key": "url"}}},
        {"name": "HEROLD_SINGLE_NODE", "value": "true"},
        {"name": "HEROLD_STATE_DIR", "value": "/tmp/herold"},
    ]
    herold = "python3.11 -m herold.cli ledger"
    script = f'export HEROLD_DATABASE_URL="${{BASE_URL%/*}}/{name}"; unset BASE_URL; {herold} migrate && {herold} check'
    phase, said = run_pod(cluster, ["/bin/sh", "-c", script], environ=environ)
    OWN.query(kubectl, f"DROP DATABASE {name}")
    assert phase == "Succeeded", said


def test_a_mail_from_a_pod_arrives_in_the_relays_log(cluster: Cluster) -> None:
    recipient = f"{uuid4().hex}@example.com"
    phase, said = run_pod(cluster, python(SENDS, recipient), namespace=SENDERS_NAMESPACE, labels=WORKER)
    assert phase == "Succeeded", said
    log = cluster.kubectl("exec", "-n", PLATFORM_NAMESPACE, "deploy/sink", "--", "cat", "/data/accepted.tsv")
    assert [line.split("\t")[2] for line in log.splitlines()].count(recipient) == 1


def test_status_names_what_was_killed_and_up_starts_just_that(cluster: Cluster) -> None:
    layout = here()
    victim = find(layout, "kubelet")
    other = find(layout, "etcd")
    assert victim is not None
    os.kill(victim.pid, 9)
    wait_until("the kubelet is dead", lambda: not victim.alive(), seconds=10)
    told = run_cluster("status")
    assert told.returncode == 5
    assert "not running: kubelet" in told.stderr
    must(run_cluster("up"))
    assert find(layout, "kubelet") not in {None, victim}
    assert find(layout, "etcd") == other


def test_the_image_of_the_checkout_is_built_and_runs(cluster: Cluster) -> None:
    assert must(run_cluster("image")).strip().startswith("localhost/herold:")
    phase, said = run_pod(cluster, ["/usr/bin/python3.11", "-m", "herold.cli", "--version"])
    assert (phase, said.split()[0]) == ("Succeeded", "herold")


def test_a_pod_that_may_become_root_is_refused_where_senders_live(cluster: Cluster) -> None:
    for changes in (
        {"runAsNonRoot": False, "runAsUser": 0},
        {"privileged": True, "allowPrivilegeEscalation": True},
        {"allowPrivilegeEscalation": True},
    ):
        pod = build_pod(["/bin/true"], SENDERS_NAMESPACE, WORKER, **changes)
        with pytest.raises(CommandFailed, match="violates PodSecurity"):
            cluster.apply([pod])
        assert cluster.kubectl.get("pod", pod["metadata"]["name"], "-n", SENDERS_NAMESPACE) is None


def test_what_pods_use_is_measured(cluster: Cluster) -> None:
    def top() -> str:
        try:
            return cluster.kubectl("top", "pods", "-n", DATA_NAMESPACE, "--no-headers")
        except CommandFailed:  # its first figures are to come
            return ""

    wait_until("the metrics-server has figures of the database", lambda: "postgres-0" in top(), seconds=90)
    (row,) = [line.split() for line in top().splitlines() if line.startswith("postgres-0")]
    assert int(row[2].removesuffix("Mi")) > 10


OPERATOR = {"app.kubernetes.io/name": "herold-operator"}
CONNECTS = """
import socket, sys
for place in sys.argv[1:]:
    host, port = place.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 2).close()
        print(place, "open")
    except OSError:
        print(place, "shut")
"""


def reached(cluster: Cluster, namespace: str, labels: dict[str, str], places: list[str]) -> set[str]:
    """Which of `address:port` a pod with these labels gets a connection to."""
    pod = build_pod(["/bin/sleep", "600"], namespace, labels)
    name = (pod["metadata"]["name"], "-n", namespace)
    try:
        cluster.apply([pod])
    except CommandFailed as error:
        # Where Argo CD has brought a team its namespace, no pod at all is let in.
        if "exceeded quota: team" not in str(error):
            raise
        return set()
    try:
        cluster.kubectl("wait", "--for=condition=Ready", "pod", *name, "--timeout=60s", seconds=70)
        own = cluster.kubectl("get", "pod", *name, "-o", "jsonpath={.status.podIP}")
        others = {place.partition(":")[0] for place in places} - {API_SERVICE_ADDRESS}
        shut = others | ({own} if namespace != "default" else set())
        # A pod is open for the moment until its address is known.
        wait_until("all are known", lambda: shut <= known_addresses(), seconds=30)
        said = cluster.kubectl("exec", *name, "--", *python(CONNECTS, *places), seconds=60)
    finally:
        cluster.kubectl("delete", "pod", *name, "--grace-period=1", "--wait=false")
    lines = [line.split() for line in said.splitlines()]
    assert [line[0] for line in lines] == places
    return {place for place, state in lines if state == "open"}


def known_addresses() -> set[str]:
    """Addresses that the kernel's rules have."""
    return set(re.findall(r"[0-9]+(?:\.[0-9]+){3}", run(["nft", "list", "table", "inet", TABLE], seconds=10)))


def address(cluster: Cluster, label: str, namespace: str = PLATFORM_NAMESPACE) -> str:
    """Of the pod with that label."""
    words = ("pods", "-n", namespace, "-l", label, "--field-selector", "status.phase=Running")
    found = cluster.kubectl.get(*words)
    assert found is not None
    (pod,) = [item for item in found["items"] if "deletionTimestamp" not in item["metadata"]]
    return str(pod["status"]["podIP"])


def test_network_policies_hold_also_for_a_pod_that_was_started_anew(cluster: Cluster) -> None:
    worker = WORKER | {"app.kubernetes.io/managed-by": "herold-operator"}
    api = f"{API_SERVICE_ADDRESS}:443"
    ledger = f"{address(cluster, 'app.kubernetes.io/name=postgres', DATA_NAMESPACE)}:5432"
    relay = f"{address(cluster, 'app=sink')}:2525"
    places = [ledger, relay, api]
    assert reached(cluster, SENDERS_NAMESPACE, worker, places) == {ledger, relay}
    assert reached(cluster, PLATFORM_NAMESPACE, USES_LEDGER, places) == {ledger}
    assert reached(cluster, PLATFORM_NAMESPACE, OPERATOR, places) == {ledger, api}
    assert reached(cluster, "campaigns-shop", worker, places) == set()
    # No policy speaks of this one: what it does not reach is shut at the other end.
    assert reached(cluster, "default", {}, places) == {api}

    cluster.kubectl("delete", "pod", "-n", PLATFORM_NAMESPACE, "-l", "app=sink", seconds=60)
    cluster.kubectl("rollout", "status", "deployment/sink", "-n", PLATFORM_NAMESPACE, "--timeout=120s", seconds=130)
    anew = f"{address(cluster, 'app=sink')}:2525"
    assert anew != relay
    assert reached(cluster, SENDERS_NAMESPACE, worker, [anew]) == {anew}
    assert reached(cluster, "default", {}, [anew]) == set()
