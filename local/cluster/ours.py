"""What `make up` installs carries a label: on a cluster of somebody else `make down` removes that, nothing more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from local.cluster.kubectl import Kubectl

Item = dict[str, Any]
LABEL, BY = "herold.dev/installed-by", "make-up"
SELECTOR = f"{LABEL}={BY}"


def mark(item: Mapping[str, Any]) -> Item:
    """The same resource with the label."""
    metadata = item["metadata"]
    return {**item, "metadata": {**metadata, "labels": {**metadata.get("labels", {}), LABEL: BY}}}


def is_ours(item: Mapping[str, Any]) -> bool:
    """Whether it carries the label."""
    return bool(item["metadata"].get("labels", {}).get(LABEL) == BY)


def name_of(item: Mapping[str, Any]) -> str:
    """`Kind namespace/name`, or `Kind name` of what has no namespace."""
    metadata = item["metadata"]
    place = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"{item['kind']} {place}{metadata['name']}"


def apply_ours(kubectl: Kubectl, items: Iterable[Item]) -> None:
    """Server-side apply, labelled."""
    kubectl.apply(to_list(mark(item) for item in items))


def find_others(kubectl: Kubectl, items: Iterable[Item]) -> list[str]:
    """Names of those resources that are on the cluster already and that `make up` did not put there."""
    found = kubectl("get", "--ignore-not-found", "-o", "json", "-f", "-", given=to_list(items), seconds=60)
    if not found.strip():
        return []
    answer = json.loads(found)
    there = answer["items"] if answer["kind"] == "List" else [answer]
    return sorted(name_of(item) for item in there if not is_ours(item))


def to_list(items: Iterable[Mapping[str, Any]]) -> str:
    """Resources as one, for kubectl: a stream of several documents of JSON is not always read as one."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)})
