"""The manifests below local/platform: templates with `$name` places, filled in and applied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template

from local.cluster.layout import CHECKOUT, DNS_ADDRESS, NODE, PLATFORM_NAMESPACE

# A name that always means the checkout's newest image, for manifests that don't follow each build.
HEROLD_IMAGE = "localhost/herold:dev"
FOLDER = CHECKOUT / "local" / "platform"


def build_manifest(name: str, images: Mapping[str, str], *, volumes: Path = Path()) -> str:
    """One file with its places filled; `volumes` is where the node keeps volumes. Raises KeyError for an open place."""
    places = {"dns_address": DNS_ADDRESS, "namespace": PLATFORM_NAMESPACE, "node": NODE, "volumes": str(volumes)}
    places |= {f"image_{image}": reference for image, reference in images.items()}
    return Template((FOLDER / f"{name}.yaml").read_text()).substitute(places)


def build_password(password: str) -> str:
    """The Secret of PostgreSQL's administrator, with the connection string that a client in the cluster uses."""
    host = f"postgres.{PLATFORM_NAMESPACE}.svc.cluster.local"
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "postgres", "namespace": PLATFORM_NAMESPACE},
            "stringData": {"password": password, "url": f"postgresql://postgres:{password}@{host}:5432/postgres"},
        }
    )
