"""Looking at a campaign: the object, its sender's workers, its Events; what one may not read is left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from herold.errors import Refused
from herold_kubectl.cluster import Cluster
from herold_kubectl.screen import Happened, Workers

SENDERS_NAMESPACE = "herold-senders"
# As the operator labels them.
_SENDER, _NAMESPACE = "herold.dev/sender", "herold.dev/sender-namespace"


def read_workers(cluster: Cluster, campaign: Mapping[str, Any]) -> Workers | None:
    """The workers of its sender; None when one may not read them."""
    reference = ((campaign.get("spec") or {}).get("message") or {}).get("senderRef") or {}
    own, shared = campaign["metadata"]["namespace"], reference.get("scope") == "Shared"
    selector = f"{_SENDER}={reference.get('name', '')},{_NAMESPACE}{'!=' if shared else '='}{own}"
    path = f"/apis/apps/v1/namespaces/{SENDERS_NAMESPACE}/deployments"
    try:
        found = list(cluster.items(path, {"labelSelector": selector}))
    except Refused:
        return None
    place = found[0]["metadata"]["labels"][_NAMESPACE] if found else None if shared else own
    sender = f"{place}/{reference.get('name')}" if place else f"the shared sender {reference.get('name')}"
    asked = sum(item["spec"].get("replicas", 1) for item in found)
    return Workers(sender, asked, sum((item.get("status") or {}).get("readyReplicas", 0) for item in found))


def read_events(cluster: Cluster, namespace: str, name: str) -> list[Happened] | None:
    """Its Events, oldest first; None when one may not read them."""
    selector = f"involvedObject.kind=Campaign,involvedObject.name={name}"
    try:
        found = list(cluster.items(f"/api/v1/namespaces/{namespace}/events", {"fieldSelector": selector}))
    except Refused:
        return None
    return sorted((_happened(item) for item in found), key=lambda each: each.at.timestamp() if each.at else 0.0)


def _happened(item: Mapping[str, Any]) -> Happened:
    series = item.get("series") or {}
    at = series.get("lastObservedTime") or item.get("lastTimestamp") or item.get("eventTime")
    return Happened(
        datetime.fromisoformat(at) if at else None,
        item.get("reason") or "",
        item.get("message") or item.get("note") or "",
        series.get("count") or item.get("count") or 1,
    )
