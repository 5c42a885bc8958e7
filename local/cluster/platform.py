"""What campaigns need beside Herold, from the manifests below local/platform: templates with `$name` places."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from string import Template
from types import MappingProxyType

import yaml
from local.cluster.database import FOREIGN, Database
from local.cluster.kubectl import Kubectl
from local.cluster.layout import CHECKOUT, DNS_ADDRESS, NODE, PLATFORM_NAMESPACE
from local.cluster.ours import Item, apply_ours
from local.cluster.pki import Pair
from local.cluster.progress import wait_until
from local.cluster.secret import build_secret, known_value
from local.command import CommandFailed

# A name that always means the checkout's newest image, for manifests that don't follow each build.
HEROLD_IMAGE = "localhost/herold:dev"
RELAY_CERTIFICATE = "sink-tls"
# The machine may be busy.
PATIENCE = 180.0
# In the relay's pod: whether it says who it is, as a client hears it.
GREETS = (
    "/usr/bin/python3.11",
    "-c",
    "import socket; s = socket.create_connection(('127.0.0.1', 2525), 3); s.settimeout(3); assert s.recv(3) == b'220'",
)
FOLDER = CHECKOUT / "local" / "platform"


def build_manifest(
    name: str, images: Mapping[str, str], *, volumes: Path = Path(), others: Mapping[str, str] = MappingProxyType({})
) -> str:
    """One file with its places filled; `volumes` is where the node keeps volumes. Raises KeyError for an open place."""
    places = {"dns_address": DNS_ADDRESS, "namespace": PLATFORM_NAMESPACE, "node": NODE, "volumes": str(volumes)}
    places |= {f"image_{image}": reference for image, reference in images.items()} | dict(others)
    return Template((FOLDER / f"{name}.yaml").read_text()).substitute(places)


def build_metrics(image: str, authority: str) -> str:
    """The metrics-server. `authority` (PEM) signed its certificate and the kubelet's: neither side takes another."""
    places = {"metrics": image}
    coded = base64.b64encode(authority.encode()).decode()
    return build_manifest("metrics", places, others={"authority_base64": coded, "authority": json.dumps(authority)})


def build_relay(image: str) -> list[Item]:
    """The relay, on the cluster of our own with the volume that `volumes` made for it."""
    return [item for item in yaml.safe_load_all(build_manifest("relay", {"herold": image})) if item]


def build_postgres(image: str) -> list[Item]:
    """PostgreSQL on a cluster of somebody else."""
    return [item for item in yaml.safe_load_all(build_manifest("postgres", {"postgres": image})) if item]


def build_claiming(items: Iterable[Item], storage_class: str | None) -> list[Item]:
    """Volumes made by a StorageClass, None for the cluster's default, whatever the claims said."""
    found = copy.deepcopy(list(items))
    for item in found:
        for claim in (item, *item.get("spec", {}).get("volumeClaimTemplates", ())):
            if "accessModes" in claim.get("spec", {}):
                claim["spec"].pop("volumeName", None)
                claim["spec"].pop("storageClassName", None)
                if storage_class:
                    claim["spec"]["storageClassName"] = storage_class
    return found


def install_relay(kubectl: Kubectl, items: Iterable[Item], relay: Pair) -> None:
    """A relay that keeps everything, in the platform's namespace."""
    apply_ours(kubectl, items)
    certificate = {"tls.crt": relay.certificate.decode(), "tls.key": relay.key.decode()}
    apply_ours(kubectl, [build_secret(PLATFORM_NAMESPACE, RELAY_CERTIFICATE, certificate, kind="kubernetes.io/tls")])


def await_platform(kubectl: Kubectl, database: Database, *, goes_on: Callable[[], None] = lambda: None) -> None:
    """Until database and relay answer. `goes_on` raises when what brings the database has failed. Raises Temporary."""

    def takes_writes() -> bool:
        goes_on()
        return database.answers(kubectl)

    hint = f"kubectl get pods -n {database.namespace}"
    wait_until("PostgreSQL answers", takes_writes, seconds=PATIENCE, hint=hint)
    wait_until("the relay answers", lambda: _answers(kubectl, "deploy/sink", "--", *GREETS), seconds=PATIENCE)


def _answers(kubectl: Kubectl, *words: str) -> bool:
    try:
        kubectl("exec", "-n", PLATFORM_NAMESPACE, *words)
    except CommandFailed:
        return False
    return True


def add_password(kubectl: Kubectl, password: str) -> None:
    """The secret of PostgreSQL's administrator, unless there is one: the database was made with that."""
    if known_value(kubectl, PLATFORM_NAMESPACE, "postgres", "password") is None:
        url = f"postgresql://postgres:{password}@{FOREIGN.host}:5432/postgres"
        apply_ours(kubectl, [build_secret(PLATFORM_NAMESPACE, "postgres", {"password": password, "url": url})])
