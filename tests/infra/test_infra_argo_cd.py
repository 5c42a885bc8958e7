"""Argo CD in a cluster's stack: its own project's manifests, a cache with a password, the facts of the cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from local.engine.recording import Recorded, record, settings_of

from herold_infra.configuration import read
from herold_infra.kubernetes.argo_cd import build_cache_settings
from herold_infra.kubernetes.component import Manifest
from herold_infra.settings import Settings, SettingsRefused

STACK = "local-test"
PLACE = {"namespace": "argocd"}


def rendered() -> list[Manifest]:
    """In the shape of what Kustomize makes of gitops/bootstrap/argocd, and in no order."""
    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "server", "image": "x"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": pod}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}]
    names = {"kind": "Application", "plural": "applications"}
    kind = {"group": "argoproj.io", "names": names, "scope": "Namespaced", "versions": versions}
    own = {"app.kubernetes.io/name": "argocd-server", "app.kubernetes.io/part-of": "argocd"}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "server", **PLACE, "labels": own},
            "spec": spec,
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", **PLACE}, "data": {"a": "b"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-tls-certs-cm", **PLACE}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "argocd-secret", **PLACE}},
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "applications.argoproj.io"},
            "spec": kind,
        },
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}},
    ]


def settings(file: Path) -> Settings:
    base = settings_of(STACK).model_dump()
    return read({**base, "argo_cd": {"manifests": str(file)}}, "here")


def recorded(tmp_path: Path, items: list[Manifest]) -> Recorded:
    file = tmp_path / "argo-cd.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    return record(STACK, settings(file), preview=False)


def declared(made: Recorded) -> dict[str, Any]:
    """What is in Argo CD's component, by kind and name."""
    nodes = (node for node in made.graph.nodes if "herold:kubernetes:ArgoCd" in made.parents[node.urn])
    return {f"{node.kind.rpartition(':')[2]} {node.get('metadata.name') or node.name}": node for node in nodes}


def test_all_is_declared_but_what_whoever_has_the_repository_fills(tmp_path: Path) -> None:
    made = recorded(tmp_path, rendered())
    assert made.refused == ()
    assert sorted(declared(made)) == [
        "ConfigMap argocd-cm",
        "CustomResourceDefinition applications.argoproj.io",
        "Deployment server",
        "Namespace argocd",
        "RandomPassword argocd-argocd-redis",
        "Secret argocd-redis",
        "Secret in-cluster",
    ]


def test_pods_come_after_what_they_need_and_labels_that_select_stay_as_they_are(tmp_path: Path) -> None:
    deployment = declared(recorded(tmp_path, rendered()))["Deployment server"]
    labels = deployment.get("metadata.labels")
    assert labels["app.kubernetes.io/name"] == "argocd-server"
    assert labels["herold.dev/data"] == "operational"
    assert deployment.get("spec.selector.matchLabels") == {"a": "b"}


def test_the_cluster_s_secret_says_where_ledger_cache_and_queue_are(tmp_path: Path) -> None:
    cluster = declared(recorded(tmp_path, rendered()))["Secret in-cluster"]
    assert cluster.get("metadata.labels")["argocd.argoproj.io/secret-type"] == "cluster"
    assert cluster.get("metadata.labels")["herold.dev/environment"] == "test"
    assert cluster.get("metadata.annotations") == {
        "herold.dev/ledger": "postgres.herold-data.svc.cluster.local:5432",
        "herold.dev/cache": "redis-sentinels.herold-data.svc.cluster.local:26379",
        "herold.dev/queue": "rabbitmq.herold-data.svc.cluster.local:5672",
    }


def test_what_would_take_all_applications_away_is_protected(tmp_path: Path) -> None:
    found = declared(recorded(tmp_path, rendered()))
    kept = {name for name, node in found.items() if node.protect}
    assert kept == {
        "CustomResourceDefinition applications.argoproj.io",
        "Namespace argocd",
        "RandomPassword argocd-argocd-redis",
        "Secret argocd-redis",
        "Secret in-cluster",
    }


def test_the_cache_wants_its_password_and_keeps_nothing() -> None:
    assert build_cache_settings("word").splitlines() == ['save ""', "appendonly no", "requirepass word"]


def test_every_mistake_of_the_manifests_is_named_at_once(tmp_path: Path) -> None:
    wrong: list[Manifest] = [{"kind": "Deployment"}, {"kind": "Chart", "metadata": {"name": "x"}}]
    with pytest.raises(SettingsRefused) as refused:
        recorded(tmp_path, wrong)
    assert all(words in str(refused.value) for words in ("items[0]", "items[1] is a Chart", "0 namespaces"))


@pytest.mark.parametrize("content", [None, "{", "[]", '{"items": []}', '{"items": [1]}', '{"items": [{}]}'])
def test_a_file_that_has_no_manifests_is_refused_by_its_name_before_anything_is_made(
    tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "argo-cd.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsRefused, match=f"argo_cd.manifests: {file}.*nothing was made"):
        record(STACK, settings(file), preview=False)
