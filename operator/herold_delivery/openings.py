"""What an environment's overlay opens to what is no pod: patches of operator/deploy/networkpolicies.yaml.

Each patch takes the place of the way to a pod: where the ledger is Aurora, no pod is taken for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import yaml

from herold.errors import InvalidInput, Mistake
from herold.resources.catalogue import load
from herold.resources.declared import Declared
from herold.resources.sender import SenderProfile
from herold_delivery.declared import Cluster
from herold_delivery.platform import PLATFORM_NAMESPACES, SHARED_NAMESPACE
from herold_delivery.teams import Item, build_item

# Below gitops, by environment, and the file of patches beside a kustomization.yaml.
OVERLAYS, PATCHES = "apps/herold/overlays", "outside.yaml"
PLATFORM, SENDERS, _ = PLATFORM_NAMESPACES
# Policies by namespace and name.
TO_LEDGER = ((PLATFORM, "control-plane-to-ledger"), (PLATFORM, "jobs-to-ledger"), (SENDERS, "senders-to-ledger"))
TO_RELAY = (SENDERS, "senders-to-relay")
METRICS = ((PLATFORM, "metrics"), (SENDERS, "metrics"))
METRICS_PORT = 8080
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def build_openings(cluster: Cluster) -> list[Item]:
    """Patches by which pods reach a ledger and relays outside of the cluster, and scrapers reach pods."""
    outside = cluster.outside
    patches = []
    if outside.ledger:
        egress = [{"to": _blocks(outside.ledger.ranges), "ports": [{"port": outside.ledger.port}]}]
        patches += [_patch(namespace, name, {"egress": egress}) for namespace, name in TO_LEDGER]
    if outside.relays:
        relays = [
            {"to": _blocks(relay.ranges), "ports": [{"port": port} for port in relay.ports]} for relay in outside.relays
        ]
        patches.append(_patch(*TO_RELAY, {"egress": relays}))
    if outside.scrapers:
        # Beside a Prometheus inside of the cluster, which says so by its namespace's label.
        inside: Item = {"namespaceSelector": {"matchLabels": {"herold.dev/scrapes": "herold"}}}
        ingress = [{"from": [inside, *_blocks(outside.scrapers.ranges)], "ports": [{"port": METRICS_PORT}]}]
        patches += [_patch(namespace, name, {"ingress": ingress}) for namespace, name in METRICS]
    return patches


def check_reach(clusters: Iterable[Cluster], folder: Path) -> None:
    """That overlays below `folder` (gitops) take their patches, and shared senders reach their relays by them.

    Raises InvalidInput with all mistakes of all environments.
    """
    mistakes: list[Mistake] = []
    for cluster in clusters:
        overlay = folder / OVERLAYS / cluster.environment / "kustomization.yaml"
        if overlay.is_file():
            mistakes += _judge_overlay(cluster, overlay)
        shared = folder / "campaigns" / cluster.environment / "shared"
        if shared.is_dir():
            try:
                load([shared], shared_namespace=SHARED_NAMESPACE, checks=[partial(_judge_senders, cluster)])
            except InvalidInput as error:
                mistakes += error.mistakes
    if mistakes:
        raise InvalidInput(mistakes, what="environments")


def _judge_overlay(cluster: Cluster, file: Path) -> list[Mistake]:
    """What it says must match: a patch that nobody takes opens nothing, and one that is not there stops the overlay."""
    entry, wanted = {"path": PATCHES}, bool(build_openings(cluster))
    takes = entry in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("patches", ())
    if takes == wanted:
        return []
    message, fix = (
        (f"{PATCHES} is left out: what cluster.yaml opens would stay shut", f"add - path: {PATCHES}")
        if wanted
        else (f"there is no {PATCHES}: cluster.yaml opens nothing", f"take out - path: {PATCHES}")
    )
    return [Mistake(str(file), 0, 0, "patches", message, fix)]


def _judge_senders(cluster: Cluster, declared: Declared) -> list[Mistake]:
    """Relays that the policies would shut off. A Service is left out: its name does not tell which pods it has."""
    open_ = {(relay.host, port) for relay in cluster.outside.relays for port in relay.ports}
    return [
        declared.mistake(
            key,
            ("spec", "route", "host"),
            f"{sender.spec.route.host} at port {sender.spec.route.port} is not open to pods in {cluster.environment}",
            f"name it in gitops/clusters/{cluster.environment}/cluster.yaml, under outside.relays, with its ranges",
        )
        for key, sender in declared.resources.items()
        if isinstance(sender, SenderProfile)
        if not _is_inside(sender.spec.route.host) and (sender.spec.route.host, sender.spec.route.port) not in open_
    ]


def _is_inside(host: str) -> bool:
    return host in LOOPBACK or host.endswith((".svc", ".svc.cluster.local"))


def _blocks(ranges: tuple[str, ...]) -> list[Item]:
    return [{"ipBlock": {"cidr": each}} for each in ranges]


def _patch(namespace: str, name: str, spec: Item) -> Item:
    return build_item("networking.k8s.io/v1", "NetworkPolicy", name, namespace, spec=spec)
