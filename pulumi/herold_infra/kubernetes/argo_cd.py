"""Argo CD: its project's manifests with ours over them, a cache with a password, and what its cluster is known by.

Everything else in the cluster comes from Git by it. What it signs in with is put beside it by whoever has the
repository: the Secret `argocd-secret`, the authorities in `argocd-tls-certs-cm`, a Secret for the repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi_kubernetes import core

from herold_infra.drawing import draw
from herold_infra.kubernetes.component import Component, Data, Manifest, Place
from herold_infra.kubernetes.declaring import KINDS, declare
from herold_infra.kubernetes.password import encode_plain, make_secret
from herold_infra.settings import SettingsRefused

THING = "argocd"
NAMESPACE = "argocd"
CACHE = "argocd-redis"
# What Argo CD calls the cluster that it runs in.
SERVER = "https://kubernetes.default.svc"
# Whoever has the repository fills them, before the first pod starts.
FILLED = {("Secret", "argocd-secret"), ("ConfigMap", "argocd-tls-certs-cm")}
# First the place, then its kinds; pods come after everything.
ORDER = ("Namespace", "CustomResourceDefinition")


@dataclass(frozen=True)
class ArgoCdArgs:
    """`manifests`: objects, as gitops/bootstrap/argocd is rendered. `facts`: of this cluster, by name."""

    place: Place
    manifests: Sequence[Manifest]
    facts: Mapping[str, str] = field(default_factory=dict)


class ArgoCd(Component):
    """Outputs: `cluster`, the name of the Secret that says what this cluster has."""

    def __init__(self, args: ArgoCdArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ArgoCd", args.place, THING, opts)
        namespace, *rest = build_argo_cd(args.place, args.manifests)
        made = declare(self, [namespace], after=[])
        made.append(self._make_cache_secret(after=made))
        cluster = build_cluster(args.place, args.facts)
        made.append(self.make(core.v1.Secret, cluster, opts=self.kept(after=made)))
        declare(self, rest, after=made)
        self.cluster: str = cluster["metadata"]["name"]
        self.register_outputs({"cluster": self.cluster})

    def _make_cache_secret(self, *, after: list[pulumi.Resource]) -> pulumi.Resource:
        password = draw(self, self.place.logical(CACHE))
        conf = password.apply(build_cache_settings)
        return make_secret(self, CACHE, THING, {"auth": password, "redis.conf": conf}, after=after)


def read_manifests(file: Path) -> list[Manifest]:
    """The objects of a List of JSON. Raises SettingsRefused."""
    try:
        content: Any = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsRefused(f"argo_cd.manifests: {file} can't be read: {error}; nothing was made") from None
    items = content.get("items") if isinstance(content, dict) else None
    mistakes = ["it is no List"] if not isinstance(items, list) else list(_mistakes(items))
    if mistakes:
        raise SettingsRefused(f"argo_cd.manifests: {file}: {'; '.join(mistakes)}; nothing was made")
    return list(items or ())


def _mistakes(items: Iterable[Any]) -> Iterator[str]:
    namespaces = 0
    for number, item in enumerate(items):
        metadata = item.get("metadata") if isinstance(item, dict) else None
        if not isinstance(metadata, dict) or not metadata.get("name"):
            yield f"items[{number}] is no object with a name"
        elif item.get("kind") not in {*KINDS, "Secret"}:
            yield f"items[{number}] is a {item.get('kind')}, which is not known here"
        namespaces += isinstance(item, dict) and item.get("kind") == "Namespace"
    if namespaces != 1:
        yield f"it has {namespaces} namespaces, not one"


def build_argo_cd(place: Place, items: Iterable[Manifest]) -> list[Manifest]:
    """What is declared of the manifests, in the order in which it is needed; the Namespace is the first."""
    labels = place.labels(THING, Data.OPERATIONAL)
    wanted = [item for item in items if (item["kind"], item["metadata"]["name"]) not in FILLED]
    ranks = {kind: rank for rank, kind in enumerate(ORDER)}
    wanted.sort(key=lambda item: ranks.get(item["kind"], len(ORDER)))
    return [_labelled(item, labels) for item in wanted]


def _labelled(item: Manifest, labels: Mapping[str, str]) -> Manifest:
    """By our convention; what its own project says is known by its own selectors, and stays."""
    metadata = item["metadata"]
    return {**item, "metadata": {**metadata, "labels": {**labels, **(metadata.get("labels") or {})}}}


def build_cache_settings(password: str) -> str:
    """Of Redis. What it holds is computed anew when it is gone."""
    return f'save ""\nappendonly no\nrequirepass {password}\n'


def build_cluster(place: Place, facts: Mapping[str, str]) -> Manifest:
    """The cluster as Argo CD knows it, with what Git may ask of it in annotations `herold.dev/<fact>`.

    https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#clusters
    """
    metadata = place.metadata(
        "in-cluster",
        THING,
        Data.CREDENTIAL,
        {f"herold.dev/{name}": value for name, value in facts.items()},
    )
    metadata["labels"]["argocd.argoproj.io/secret-type"] = "cluster"
    content = {"name": "in-cluster", "server": SERVER, "config": json.dumps({"tlsClientConfig": {"insecure": False}})}
    return {"metadata": metadata, "type": "Opaque", "data": {key: encode_plain(text) for key, text in content.items()}}
