"""Argo CD's manifests: the bases of its own module, ours over them, images that the node has."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from local.cluster.kubectl import Kubectl
from local.cluster.layout import CHECKOUT
from local.cluster.ours import Item

NAMESPACE = "argocd"
# No single sign-on, no chat, no generated Applications: those parts are not installed.
BASES = ("application-controller-roles", "application-controller", "repo-server", "server", "redis", "config")
OURS = CHECKOUT / "gitops" / "bootstrap" / "argocd"
SERVER_NAME = f"argocd-server.{NAMESPACE}.svc.cluster.local"
PARTS = ("statefulset/argocd-application-controller", "deployment/argocd-repo-server")
FIRST = ("deployment/argocd-redis", "deployment/argocd-server")


def build_crds(module: Path) -> list[Item]:
    """Argo CD's own kinds."""
    return [item for file in sorted((module / "manifests" / "crds").glob("*-crd.yaml")) for item in _read(file)]


def build_argo_cd(kubectl: Kubectl, module: Path, image: str) -> list[Item]:
    """Everything but the kinds, with `image` for each container. kubectl has Kustomize in it."""
    with tempfile.TemporaryDirectory() as folder:
        bases = Path(folder) / "bases"
        for name in BASES:
            # Files of a module are read-only, and so would be their copies.
            shutil.copytree(module / "manifests" / "base" / name, bases / name, copy_function=shutil.copyfile)
            (bases / name).chmod(0o755)
        shutil.copytree(OURS, Path(folder) / "ours")
        wanted = {"resources": [f"bases/{name}" for name in BASES[1:]], "components": ["ours"]}
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(wanted))
        rendered = kubectl("kustomize", folder, seconds=60)
    items = [item for item in yaml.safe_load_all(rendered) if item]
    (parameters,) = [item["data"] for item in items if item["metadata"]["name"] == "argocd-cmd-params-cm"]
    return [with_parameters(with_image(item, image), parameters) for item in items]


def with_image(item: Mapping[str, Any], image: str) -> Item:
    """The same workload with that image in each container; Redis starts from it too."""
    if item["kind"] not in ("Deployment", "StatefulSet"):
        return dict(item)
    pod = item["spec"]["template"]["spec"]
    for container in [*pod["containers"], *pod.get("initContainers", ())]:
        container["image"], container["imagePullPolicy"] = image, "IfNotPresent"
        if container["name"] == "redis":
            container["command"] = ["/usr/bin/redis-server"]
    return dict(item)


def with_parameters(item: Item, parameters: Mapping[str, str]) -> Item:
    """Pods read their parameters when they start: other parameters are other pods."""
    if item["kind"] in ("Deployment", "StatefulSet"):
        digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:16]
        item["spec"]["template"]["metadata"].setdefault("annotations", {})["herold.dev/parameters"] = digest
    return item


def _read(file: Path) -> list[Item]:
    return [item for item in yaml.safe_load_all(file.read_text()) if item]
