"""A Git server and Argo CD in the cluster of our own, and everything that follows from what lies there.

Each step looks at what is there: tokens and commits are kept, and a second run changes nothing when nothing changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml
from local.cluster import gitserver, images
from local.cluster.argocd import FIRST, NAMESPACE, PARTS
from local.cluster.build import Parts
from local.cluster.herold import build_shared
from local.cluster.kubectl import Kubectl
from local.cluster.layout import CHECKOUT, GIT_NAMESPACE, Layout
from local.cluster.ours import Item, apply_ours
from local.cluster.pki import Pair
from local.cluster.progress import Progress, wait_until
from local.cluster.secret import build_secret
from local.cluster.volumes import make_volume
from local.images.archive import Image

from herold_delivery.platform import ROOT
from herold_delivery.promote import with_digest

ENVIRONMENT = "test"
RENDERED = CHECKOUT / "gitops" / "clusters" / ENVIRONMENT / "rendered"
PATIENCE = 240.0
SEEN = "argocd.argoproj.io/refresh"


def start_git(layout: Layout, kubectl: Kubectl, parts: Parts, progress: Progress) -> gitserver.Tokens:
    """Have a Git server started, and the images there of what `pulumi up` makes; nobody waits for it here."""
    with progress.step("the Git server and Argo CD are brought in"):
        images.bring_in(layout, parts.git)
        images.bring_in(layout, parts.argo_cd, also_named=(parts.argo_cd.by_digest,))
        tokens = gitserver.known_tokens(kubectl)
        make_volume(layout.volumes / "git")
        items = gitserver.build_server(parts.git.reference, layout.volumes)
        apply_ours(kubectl, [item for item in items if item["kind"] == "Namespace"])
        secrets = gitserver.build_secrets(tokens, _pair(layout, "git"), (layout.pki / "ca.crt").read_text())
        apply_ours(kubectl, [*secrets, *items])
        gitserver.store_credentials(layout, tokens)
    return tokens


def give_access(layout: Layout, kubectl: Kubectl, tokens: gitserver.Tokens, *, goes_on: Callable[[], None]) -> None:
    """What Argo CD signs in with, once it has a namespace: its pods wait for it. `goes_on` raises when none comes."""

    def there() -> bool:
        goes_on()
        return kubectl.get("namespace", NAMESPACE) is not None

    wait_until("Argo CD's namespace", there, seconds=PATIENCE)
    apply_ours(kubectl, build_access(_pair(layout, "argocd-server"), (layout.pki / "ca.crt").read_text(), tokens))


def deliver(layout: Layout, kubectl: Kubectl, image: Image, progress: Progress) -> None:
    """Until everything that this checkout has is in the cluster, by way of Git. Raises Temporary."""
    with progress.step("the Git server answers"):
        _await(kubectl, GIT_NAMESPACE, ("deployment/git",))
        wait_until("the Git server answers", lambda: gitserver.answers(layout), seconds=PATIENCE)
        commit = gitserver.push_checkout(layout, build_own_files(image))
        apply_ours(kubectl, build_root())
    with progress.step("Argo CD works"):
        # The server makes the key with which the others sign.
        _await(kubectl, NAMESPACE, (*FIRST, *PARTS))
    with progress.step("what lies in Git is in the cluster"):
        # All: those whose files did not change would not learn of the commit, and it is what is waited for.
        kubectl("annotate", "applications", "--all", "-n", NAMESPACE, "--overwrite", f"{SEEN}=normal")
        hint = f"kubectl get applications -n {NAMESPACE}; kubectl describe application -n {NAMESPACE} NAME"
        wait_until("Argo CD has brought it in", lambda: _is_delivered(kubectl, commit), seconds=PATIENCE, hint=hint)


def build_own_files(image: Image) -> dict[str, str]:
    """What the cluster's repository has and the checkout has not: the image built here, the way to the relay here."""
    overlay = Path("gitops/apps/herold/overlays") / ENVIRONMENT / "kustomization.yaml"
    shared = f"gitops/campaigns/{ENVIRONMENT}/shared/shared.yaml"
    return {
        str(overlay): with_digest(overlay, (CHECKOUT / overlay).read_text("utf-8"), image.name, image.digest),
        shared: yaml.safe_dump_all(build_shared(), sort_keys=False),
    }


def build_root() -> list[Item]:
    """The Application that brings everything else, itself included, and its project."""
    return [item for item in yaml.safe_load_all((RENDERED / f"{ROOT}.yaml").read_text()) if item]


def build_access(certificate: Pair, authority: str, tokens: gitserver.Tokens) -> list[Item]:
    """How Argo CD knows the Git server, and by what it knows a webhook that is the server's."""
    repository = build_secret(
        NAMESPACE,
        "repository",
        {"type": "git", "url": gitserver.URL, "username": gitserver.READER, "password": tokens.reader},
    )
    repository["metadata"]["labels"] = {"argocd.argoproj.io/secret-type": "repository"}
    tls = {"tls.crt": certificate.certificate.decode(), "tls.key": certificate.key.decode()}
    return [
        repository,
        build_secret(NAMESPACE, "argocd-secret", {"webhook.github.secret": tokens.webhook}),
        build_secret(NAMESPACE, "argocd-server-tls", tls, kind="kubernetes.io/tls"),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "argocd-tls-certs-cm", "namespace": NAMESPACE},
            "data": {gitserver.HOST: authority},
        },
    ]


def _await(kubectl: Kubectl, namespace: str, workloads: Iterable[str]) -> None:
    for workload in workloads:
        words = ("rollout", "status", "-n", namespace, workload, f"--timeout={PATIENCE:.0f}s")
        kubectl(*words, seconds=PATIENCE + 10)


def _is_delivered(kubectl: Kubectl, commit: str) -> bool:
    found = kubectl.get("applications", "-n", NAMESPACE)
    applications = {item["metadata"]["name"]: item for item in found["items"]} if found else {}
    declared = {item["metadata"]["name"] for item in _declared() if item["kind"] == "Application"}
    return declared <= applications.keys() and all(is_synced(applications[name], commit) for name in declared)


def is_synced(application: Item | Any, commit: str) -> bool:
    """Whether an Application is as that commit has it, and the operation that made it so is over."""
    status = application.get("status", {})
    sync, last = status.get("sync", {}), status.get("operationState", {})
    return bool(
        sync.get("status") == "Synced"
        and sync.get("revision") == commit
        and last.get("phase", "Succeeded") == "Succeeded"
    )


def _declared() -> list[Item]:
    return [item for file in sorted(RENDERED.glob("*.yaml")) for item in yaml.safe_load_all(file.read_text()) if item]


def _pair(layout: Layout, name: str) -> Pair:
    return Pair((layout.pki / f"{name}.crt").read_bytes(), (layout.pki / f"{name}.key").read_bytes())
