"""Workers as Deployments: one for each SenderProfile, in the platform's namespace, from and to zero.

Team namespaces hold resources only; credentials and workers live where the platform keeps its secrets.
"""

from __future__ import annotations

import hashlib
import json
from math import ceil
from typing import Any

from herold.resources.scalars import parse_rate
from herold.resources.sender import SenderProfile
from herold_operator.pods import Platform, build_pod, sender_secrets
from herold_operator.settings import OperatorSettings
from herold_operator.snapshot import Backlog

APPLIED, ASKED = "herold.dev/applied", "herold.dev/replicas"
SENDER_LABEL, NAMESPACE_LABEL = "herold.dev/sender", "herold.dev/sender-namespace"
COMPONENT = {"app.kubernetes.io/name": "herold-worker", "app.kubernetes.io/managed-by": "herold-operator"}
SELECTOR = ",".join(f"{name}={value}" for name, value in COMPONENT.items())
HEALTH_PORT = 8080
# For a Prometheus that finds pods by their annotations; others take operator/deploy/monitoring.
SCRAPE = {"prometheus.io/scrape": "true", "prometheus.io/port": str(HEALTH_PORT), "prometheus.io/path": "/metrics"}
# Longer than a window: what is in hand is finished, recorded and released.
TERMINATION_SECONDS = 60


def deployment_name(namespace: str, name: str) -> str:
    """A name of at most 63 characters that no other sender has."""
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()[:8]
    return f"worker-{name[:46].rstrip('.-')}-{digest}".replace(".", "-")


def wanted_replicas(backlog: Backlog, sender: SenderProfile, settings: OperatorSettings) -> int:
    """Workers that the backlog keeps busy: no more than the profile's rates allow, one when there are chores only."""
    if backlog.due <= 0:
        return 1 if backlog.chores else 0
    limits = sender.spec.limits
    allowed = float(parse_rate(limits.per_second)) + sum(float(parse_rate(lane.per_second)) for lane in limits.lanes)
    each = settings.worker_messages_per_second
    useful = min(ceil(allowed / each), ceil(backlog.due / (each * 10)))
    return max(1, min(useful, settings.workers_at_most))


def build_worker_deployment(sender: SenderProfile, replicas: int, platform: Platform) -> dict[str, Any]:
    """The Deployment of a sender's workers, ready for server-side apply. It carries a digest of itself."""
    namespace, name = sender.metadata.namespace, sender.metadata.name
    labels = {**COMPONENT, SENDER_LABEL: name, NAMESPACE_LABEL: namespace}
    pod = build_pod(
        "worker",
        ["worker", "--sender", f"{namespace}/{name}"],
        platform,
        # A login for each brand: what a worker is given opens no other brand's mail.
        database_secret=platform.database_secret.replace("{brand}", sender.spec.brand),
        secrets=sender_secrets(sender),
        resources={"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}},
    )
    pod["terminationGracePeriodSeconds"] = TERMINATION_SECONDS
    (container,) = pod["containers"]
    container["env"].append({"name": "HEROLD_WORKER_HEALTH_PORT", "value": str(HEALTH_PORT)})
    container["ports"] = [{"name": "health", "containerPort": HEALTH_PORT, "protocol": "TCP"}]
    # Alive: its event loop comes round, whatever the ledger does. Ready: it has its lease.
    container["livenessProbe"] = _probe("/healthz", initialDelaySeconds=20, periodSeconds=10, failureThreshold=3)
    container["readinessProbe"] = _probe("/readyz", periodSeconds=2, failureThreshold=1)
    manifest: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": deployment_name(namespace, name),
            "namespace": platform.namespace,
            "labels": labels,
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels, "annotations": SCRAPE}, "spec": pod},
        },
    }
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]
    manifest["metadata"]["annotations"] = {APPLIED: digest, ASKED: str(replicas)}
    return manifest


def _probe(path: str, **when: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "health"}, "timeoutSeconds": 2, **when}
