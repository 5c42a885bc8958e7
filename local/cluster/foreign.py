"""Herold on a cluster of somebody else, which is used as it is: no node is touched, and nothing that is not ours.

The context is one of the user's own kubeconfig. What lacks is told all at once, before anything is changed.
"""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.cluster import build
from local.cluster.database import FOREIGN
from local.cluster.herold import (
    RELAY_AUTHORITY,
    build_crds,
    build_deployed,
    build_namespaces,
    build_policies,
    start_herold,
)
from local.cluster.kubectl import Kubectl
from local.cluster.layout import PLATFORM_NAMESPACE, SENDERS_NAMESPACE, Layout
from local.cluster.needs import Lack, Lacking
from local.cluster.ours import Item, find_others
from local.cluster.pki import Pair, issue_relay
from local.cluster.platform import (
    RELAY_CERTIFICATE,
    add_password,
    await_platform,
    build_claiming,
    build_postgres,
    build_relay,
    install_relay,
)
from local.cluster.progress import Progress
from local.cluster.secret import known_value
from local.command import CommandFailed, run
from local.images.archive import write_archive

from herold.errors import Temporary

HEROLD_VARIABLE, POSTGRES_VARIABLE = "HEROLD_IMAGE", "HEROLD_POSTGRES_IMAGE"
CLASS_VARIABLE = "HEROLD_STORAGE_CLASS"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
LOAD_SECONDS = 600
LACKS = "Herold can't be installed on this cluster yet; what lacks"


@dataclass(frozen=True)
class Given:
    """Images that the cluster's nodes can pull, or have."""

    herold: str
    postgres: str


@dataclass(frozen=True)
class Load:
    """Images are built here; `command` and the path of an archive bring one to the nodes."""

    command: tuple[str, ...]
    behind: tuple[str, ...]


def find_kubectl(layout: Layout) -> str:
    """The user's kubectl, else the one that was built here. Raises Lacking."""
    built = sorted(layout.cache.glob("tools/kubernetes-*/kubectl"))
    if program := shutil.which("kubectl") or (str(built[-1]) if built else None):
        return program
    raise Lacking([Lack("kubectl", "https://kubernetes.io/docs/tasks/tools")], LACKS, hint=None)


def plan_images(context: str, environ: Mapping[str, str], has: Callable[[str], bool]) -> Given | Load | Lack:
    """Where the images come from. `has`: whether a program is there."""
    given = environ.get(HEROLD_VARIABLE), environ.get(POSTGRES_VARIABLE)
    if given[0] and given[1]:
        return Given(given[0], given[1])
    if context.startswith("kind-") and has("kind"):
        return Load(("kind", "load", "image-archive"), ("--name", context.removeprefix("kind-")))
    if context.startswith("k3d-") and has("k3d"):
        return Load(("k3d", "image", "import"), ("--cluster", context.removeprefix("k3d-")))
    missing = [name for name, value in zip((HEROLD_VARIABLE, POSTGRES_VARIABLE), given, strict=True) if not value]
    return Lack(
        f"images that its nodes can pull: {', '.join(missing)}",
        "build them by Containerfile and local/images/postgres/Containerfile, push them, then "
        f"make up {HEROLD_VARIABLE}=REGISTRY/herold:TAG {POSTGRES_VARIABLE}=REGISTRY/herold-postgres:TAG",
    )


def find_lacks(kubectl: Kubectl, environ: Mapping[str, str], has: Callable[[str], bool]) -> list[Lack]:
    """All that this cluster and its user lack. Raises Temporary when it does not answer."""
    if not kubectl.ready():
        raise Temporary(f"the API server of the context {kubectl.context} does not say that it is ready")
    lacks = []
    images = plan_images(kubectl.context, environ, has)
    if isinstance(images, Lack):
        lacks.append(images)
    if isinstance(images, Load) and (packages := [name for name in ("mmdebstrap",) if not has(name)]):
        lacks.append(Lack(f"Debian packages: {', '.join(packages)}", "images are built with them"))
    if not _may_do_all(kubectl):
        lacks.append(Lack("rights of a cluster administrator", "kinds, namespaces and roles are installed"))
        # What is there can't be seen without them.
        return lacks
    if not environ.get(CLASS_VARIABLE) and not _has_default_class(kubectl):
        lacks.append(Lack("a default StorageClass", f"kubectl get storageclass; make up {CLASS_VARIABLE}=…"))
    if others := find_others(kubectl, build_all("")):
        lacks.append(
            Lack(
                f"a cluster without another Herold; there is already: {', '.join(others)}",
                "they were not put there by make up, and are left as they are",
            )
        )
    return lacks


def build_all(image: str) -> list[Item]:
    """What goes in, for the question whether anything of it is there already."""
    platform = [*build_relay(image), *build_postgres(image)]
    return [*platform, *build_crds(), *build_namespaces(), *build_policies(), *build_deployed(image)]


def install(kubectl: Kubectl, layout: Layout, environ: Mapping[str, str], progress: Progress) -> None:
    """Everything that `make up` installs, on the cluster as it is. Raises Lacking, Temporary."""
    lacks = find_lacks(kubectl, environ, lambda name: shutil.which(name) is not None)
    if lacks:
        raise Lacking(lacks, LACKS, hint=None)
    images = plan_images(kubectl.context, environ, lambda name: shutil.which(name) is not None)
    assert not isinstance(images, Lack)
    given = images if isinstance(images, Given) else _load(images, layout, progress)
    items = build_claiming([*build_relay(given.herold), *build_postgres(given.postgres)], environ.get(CLASS_VARIABLE))
    authority, relay = _read_relay(kubectl) or issue_relay(dt.datetime.now(dt.UTC))
    with progress.step("PostgreSQL and the relay answer"):
        install_relay(kubectl, items, relay)
        add_password(kubectl, secrets.token_urlsafe(24))
        await_platform(kubectl, FOREIGN)
    start_herold(kubectl, given.herold, authority, FOREIGN, progress)
    progress.say(
        f"up on {kubectl.context}. Its nodes are as they were; make down HEROLD_CONTEXT=… removes what is ours"
    )


def _load(images: Load, layout: Layout, progress: Progress) -> Given:
    made = (build.build_herold_image(layout), build.build_postgres_image(layout))
    for image in made:
        with (
            progress.step(f"{images.command[0]} takes {image.name}"),
            tempfile.NamedTemporaryFile(dir=layout.images, suffix=".tar") as archive,
        ):
            write_archive(image, archive)
            archive.flush()
            run([*images.command, archive.name, *images.behind], seconds=LOAD_SECONDS)
    return Given(*(image.reference for image in made))


def _read_relay(kubectl: Kubectl) -> tuple[str, Pair] | None:
    """The relay's authority and certificate from an earlier `up`."""
    found = [
        known_value(kubectl, SENDERS_NAMESPACE, RELAY_AUTHORITY, "ca.crt"),
        known_value(kubectl, PLATFORM_NAMESPACE, RELAY_CERTIFICATE, "tls.crt"),
        known_value(kubectl, PLATFORM_NAMESPACE, RELAY_CERTIFICATE, "tls.key"),
    ]
    authority, certificate, key = found
    return (authority, Pair(certificate.encode(), key.encode())) if authority and certificate and key else None


def _may_do_all(kubectl: Kubectl) -> bool:
    try:
        kubectl("auth", "can-i", "*", "*", "--all-namespaces")
    except CommandFailed:
        return False
    return True


def _has_default_class(kubectl: Kubectl) -> bool:
    found = kubectl.get("storageclasses") or {"items": []}
    return any(item["metadata"].get("annotations", {}).get(DEFAULT_CLASS) == "true" for item in found["items"])
