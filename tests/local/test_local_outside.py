"""Who reaches whom in an environment whose ledger, relays and scrapers are no pods: its overlay, as packet rules."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import yaml
from local.cluster.layout import CHECKOUT
from local.cluster.policies import Rules, build_rules

from herold_delivery.declared import Cluster, read_clusters
from herold_delivery.openings import OVERLAYS
from parts.kubernetes import programs

Item = dict[str, Any]
MANAGED = {"app.kubernetes.io/managed-by": "herold-operator"}
PODS = {
    "operator": ("herold-platform", {"app.kubernetes.io/name": "herold-operator"}),
    "reader": ("herold-platform", {"app.kubernetes.io/name": "herold-reader"}),
    "migration": ("herold-platform", {"herold.dev/uses": "ledger"}),
    "worker": ("herold-senders", {"app.kubernetes.io/name": "herold-worker", **MANAGED}),
    "preflight": ("herold-senders", {"app.kubernetes.io/name": "herold-preflight", **MANAGED}),
    "builder": ("herold-senders", {"app.kubernetes.io/name": "herold-builder", **MANAGED}),
    # What takes the name of a database or a relay.
    "postgres": ("herold-platform", {"app": "postgres"}),
    "replicated": ("herold-data", {"app.kubernetes.io/name": "postgres"}),
    "sink": ("herold-platform", {"app": "sink"}),
}
AT = {name: f"100.64.0.{number}" for number, name in enumerate(PODS, 1)}
CLUSTERS = [cluster for cluster in read_clusters(CHECKOUT / "gitops" / "clusters") if cluster.outside.ledger]
each_cloud = pytest.mark.parametrize("cluster", CLUSTERS, ids=lambda cluster: cluster.environment)


@cache
def rules_of(environment: str) -> Rules:
    """Skips where kubectl, which has Kustomize in it, was not built."""
    found = programs()
    if found is None:
        pytest.skip("kubectl is not built (make up): the overlays were not rendered")
    command = [str(found["kubectl"]), "kustomize", str(CHECKOUT / "gitops" / OVERLAYS / environment)]
    text = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    policies = [item for item in yaml.safe_load_all(text) if item["kind"] == "NetworkPolicy"]
    pods = [
        {
            "metadata": {"namespace": namespace, "name": name, "labels": labels},
            "spec": {},
            "status": {"podIP": AT[name], "phase": "Running"},
        }
        for name, (namespace, labels) in PODS.items()
    ]
    names = sorted({namespace for namespace, _ in PODS.values()})
    namespaces = [{"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}} for name in names]
    rules = build_rules(policies, pods, namespaces)
    assert rules.not_understood == ()
    return rules


def within(address: str, place: str) -> bool:
    return ip_address(address) in ip_network(place)


def who_reaches(environment: str, address: str, port: int) -> set[str]:
    """Pods that the policies let out to an address."""
    rules = rules_of(environment)
    return {
        name
        for name, own in AT.items()
        if own not in rules.shut_out
        or any(
            within(own, each.source) and within(address, each.destination) and each.port == port for each in rules.out
        )
    } - {"replicated"}  # its namespace is not Herold's: it has policies of its own


def who_is_reached(environment: str, address: str, port: int) -> set[str]:
    """Pods that the policies let an address in to."""
    rules = rules_of(environment)
    return {
        name
        for name, own in AT.items()
        if own not in rules.shut_in
        or any(
            within(address, each.source) and within(own, each.destination) and each.port == port for each in rules.into
        )
    } - {"replicated"}


def inside(ranges: Iterable[str]) -> list[str]:
    """The first and the last address of each."""
    return [str(ip_network(each)[index]) for each in ranges for index in (0, -1)]


def test_there_is_an_environment_whose_ledger_is_no_pod() -> None:
    assert {cluster.environment for cluster in CLUSTERS} == {"staging", "prod"}


@each_cloud
def test_who_works_with_the_ledger_reaches_it_wherever_it_is_in_its_zone(cluster: Cluster) -> None:
    assert cluster.outside.ledger
    for address in inside(cluster.outside.ledger.ranges):
        assert who_reaches(cluster.environment, address, cluster.outside.ledger.port) == {
            "operator",
            "reader",
            "migration",
            "worker",
            "preflight",
            "builder",
        }


@each_cloud
def test_who_sends_and_who_tries_before_reach_every_relay_and_nobody_else_does(cluster: Cluster) -> None:
    assert cluster.outside.relays
    for relay in cluster.outside.relays:
        for port in relay.ports:
            for address in inside(relay.ranges):
                assert who_reaches(cluster.environment, address, port) == {"worker", "preflight"}


@each_cloud
def test_scrapers_reach_metrics_and_nothing_else(cluster: Cluster) -> None:
    assert cluster.outside.scrapers
    for address in inside(cluster.outside.scrapers.ranges):
        assert who_is_reached(cluster.environment, address, 8080) == {"operator", "reader", "worker"}
        for port in (5432, 2525, 9090):
            assert who_is_reached(cluster.environment, address, port) == set()


@each_cloud
def test_a_stranger_on_the_internet_or_in_another_network_is_not_reached_and_reaches_nobody(cluster: Cluster) -> None:
    for address in ("10.99.0.1", "1.1.1.1"):
        assert who_is_reached(cluster.environment, address, 8080) == set()
        for port in (25, 587, 5432):
            assert who_reaches(cluster.environment, address, port) == set()


@each_cloud
def test_a_pod_with_the_name_of_a_database_or_a_relay_gets_nothing(cluster: Cluster) -> None:
    for pod, port in (("postgres", 5432), ("replicated", 5432), ("sink", 2525)):
        assert who_reaches(cluster.environment, AT[pod], port) == set()
