"""What the stand-in for Kubernetes' plugin does to a real API server when it is asked by itself, without the engine."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from local.providers import differences
from local.providers.acting import Failed, Made
from local.providers.kubernetes.provider import Kubernetes

from parts.kubernetes import ApiServer, api_server

__all__ = ["api_server"]


@pytest.fixture
def namespace() -> str:
    return f"data-{uuid.uuid4().hex[:8]}"


def connected(api_server: ApiServer, **options: Any) -> Kubernetes:
    actor = Kubernetes()
    actor.configure({"kubeconfig": str(api_server.kubeconfig(**options)), "context": "test"})
    return actor


def make(actor: Kubernetes, inputs: dict[str, Any], seconds: float = 60) -> Made:
    return actor.create("", inputs, preview=False, seconds=seconds)


def test_a_kubeconfig_is_taken_as_a_path_or_as_its_content_and_only_with_the_context_that_is_named(
    api_server: ApiServer,
) -> None:
    inputs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
    path = api_server.kubeconfig()
    for told in (str(path), path.read_text()):
        actor = Kubernetes()
        actor.configure({"kubeconfig": told, "context": "test"})
        found = actor.read("kubernetes:core/v1:Namespace", "default", inputs, {})
        assert found is not None
        assert found.inputs == inputs
        actor.configure({"kubeconfig": told, "context": "another"})
        with pytest.raises(Failed, match="no context another"):
            actor.read("kubernetes:core/v1:Namespace", "default", inputs, {})


def test_who_is_not_let_in_hears_that_and_not_that_nothing_is_there(api_server: ApiServer, namespace: str) -> None:
    inputs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    made = make(connected(api_server), inputs)
    # A token that is over. An empty answer would have the state forget all that it knows.
    stranger = connected(api_server, user="stranger", credentials={"token": "over"})
    with pytest.raises(Failed, match="Unauthorized"):
        stranger.read("", made.identifier, made.inputs, made.outputs)
    with pytest.raises(Failed, match="Unauthorized"):
        stranger.delete("", made.identifier, made.outputs, seconds=5)
    assert api_server.get(inputs)["metadata"]["uid"] == made.outputs["metadata"]["uid"]


def test_what_an_apply_would_take_away_again_is_drift_as_one_more_open_port_or_a_narrower_selector(
    api_server: ApiServer, namespace: str
) -> None:
    actor = connected(api_server)
    make(actor, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    place = {"name": "closed", "namespace": namespace}
    version = "networking.k8s.io/v1"
    spec = {"podSelector": {"matchLabels": {"app": "a"}}, "ingress": [{"ports": [{"port": 5432}]}]}
    declared = {"apiVersion": version, "kind": "NetworkPolicy", "metadata": place, "spec": spec}
    made = make(actor, declared)
    for path, value in (("/spec/ingress/0/ports/-", {"port": 22}), ("/spec/podSelector/matchLabels/b", "c")):
        patch = json.dumps([{"op": "add", "path": path, "value": value}])
        api_server.kubectl("patch", "networkpolicy", "closed", "-n", namespace, "--type=json", f"--patch={patch}")
    api_server.kubectl("label", "networkpolicy", "closed", "-n", namespace, "team=shop")
    found = actor.read("", made.identifier, made.inputs, made.outputs)
    assert found is not None
    assert sorted(differences.compare(found.inputs, declared)) == [
        "spec.ingress[0].ports",
        "spec.podSelector.matchLabels.b",
    ]
    actor.update("", made.identifier, found.inputs, declared, preview=False, seconds=5)
    there = api_server.ask("GET", f"/apis/{version}/namespaces/{namespace}/networkpolicies/closed")
    assert [port["port"] for port in there["spec"]["ingress"][0]["ports"]] == [5432]
    assert there["spec"]["podSelector"] == {"matchLabels": {"app": "a"}}
    assert there["metadata"]["labels"] == {"team": "shop"}


def test_what_is_being_deleted_is_made_anew_once_it_is_gone(api_server: ApiServer, namespace: str) -> None:
    actor = connected(api_server)
    make(actor, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    place = {"name": "setting", "namespace": namespace}
    declared = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": {"colour": "blue"}}
    made = make(actor, declared)
    api_server.merge(declared, {"metadata": {"finalizers": ["tests.herold.dev/wait"]}})
    with pytest.raises(Failed, match=r"is not gone after 1 s: finalizers tests.herold.dev/wait"):
        actor.delete("", made.identifier, made.outputs, seconds=1)
    assert actor.read("", made.identifier, made.inputs, made.outputs) is None
    with pytest.raises(Failed, match=r"is not gone after 1 s: finalizers tests.herold.dev/wait"):
        make(actor, declared, seconds=1)
    api_server.merge(declared, {"metadata": {"finalizers": None}})
    assert make(actor, declared).outputs["metadata"]["uid"] != made.outputs["metadata"]["uid"]
