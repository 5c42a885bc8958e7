"""Secrets of the cluster: as values, and what is there already. Keys are made once, and kept by every later `up`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from local.cluster.kubectl import Kubectl
from local.cluster.ours import Item


def build_secret(namespace: str, name: str, data: Mapping[str, str], *, kind: str = "Opaque") -> Item:
    """A Secret. `data` and not `stringData`: server-side apply forgets whose the latter was."""
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata, "data": encoded}


def known_value(kubectl: Kubectl, namespace: str, name: str, field: str) -> str | None:
    """A field of a Secret; None when there is none. Raises CommandFailed."""
    # An API server that does not answer must not look like a secret that is missing: keys would be made anew.
    found = kubectl("get", "secret", name, "-n", namespace, "--ignore-not-found", "-o", "json")
    return base64.b64decode(json.loads(found)["data"][field]).decode() if found.strip() else None
