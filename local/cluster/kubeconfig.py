"""Kubeconfigs of the local cluster's clients. JSON is YAML, so kubectl reads it."""

from __future__ import annotations

import base64
import json

from local.cluster.layout import API_URL, CONTEXT
from local.cluster.pki import Pair


def build_kubeconfig(user: str, client: Pair, authority: bytes) -> str:
    """A kubeconfig with one context, its certificates inside it."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "clusters": [
                {"name": CONTEXT, "cluster": {"server": API_URL, "certificate-authority-data": _base64(authority)}}
            ],
            "users": [
                {
                    "name": user,
                    "user": {
                        "client-certificate-data": _base64(client.certificate),
                        "client-key-data": _base64(client.key),
                    },
                }
            ],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": user}}],
        },
        indent=1,
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
