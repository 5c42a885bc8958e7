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
from local.cluster.ours import Item, to_list
from local.engine.stack_file import write_whole

NAMESPACE = "argocd"
# No single sign-on, no chat, no generated Applications: those parts are not installed.
BASES = ("application-controller-roles", "application-controller", "repo-server", "server", "redis", "config")
# The server lists it, and complains where the kind is not known.
NOT_USED = "ApplicationSet"
OURS = CHECKOUT / "gitops" / "bootstrap" / "argocd"
SERVER_NAME = f"argocd-server.{NAMESPACE}.svc.cluster.local"
PARTS = ("statefulset/argocd-application-controller", "deployment/argocd-repo-server")
FIRST = ("deployment/argocd-redis", "deployment/argocd-server")


def build_crds(module: Path) -> list[Item]:
    """Argo CD's own kinds, without words for people: they are most of what the engine would carry through each step."""
    return [slim(item) for file in sorted((module / "manifests" / "crds").glob("*-crd.yaml")) for item in _read(file)]


def slim(crd: Item) -> Item:
    """A kind with bare schemas. Of a generated Application nobody is there to make anything: the kind is all it has."""
    for version in crd["spec"]["versions"]:
        schema = version["schema"]
        if crd["spec"]["names"]["kind"] == NOT_USED:
            schema["openAPIV3Schema"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        _drop_words(schema["openAPIV3Schema"])
    return crd


def _drop_words(schema: Any) -> None:
    """Of a schema and those within it, by the places where schemas are: a property may be called `description`."""
    schema.pop("description", None)
    inner = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for each in inner:
        if isinstance(each, dict):
            _drop_words(each)


def write_manifests(kubectl: Kubectl, module: Path, image: str, file: Path) -> None:
    """All of it, for `pulumi up`, in a file."""
    write_whole(file, to_list([*build_crds(module), *build_argo_cd(kubectl, module, image)]))


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
    return [item for item in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader) if item]
