"""The acting stand-ins where nobody has to be asked: what differs, what is ready, who owns a field, what is drawn."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local.cluster.layout import Layout
from local.cluster.progress import Progress
from local.engine.local import ELSEWHERE, find_kubeconfig, folder_of, open_session, session_of
from local.engine.tools import Engine, find_engine
from local.providers import differences, wire
from local.providers.kubernetes import manifests, pods, readiness, refusals
from local.providers.kubernetes.provider import Kubernetes
from local.providers.random.provider import BYTES, PASSWORD, Random, draw

from herold.errors import NotFound

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
TREES = st.dictionaries(st.text(max_size=3), VALUES, max_size=4)


@given(TREES, TREES)
def test_there_is_a_difference_exactly_where_two_values_differ(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert bool(differences.compare(old, new)) == (old != new)
    assert differences.compare(old, old) == {}


def test_paths_are_written_as_the_engine_writes_them() -> None:
    old = {"spec": {"ports": [{"port": 1}], "gone": 1}, "metadata": {"labels": {"app.kubernetes.io/name": "a"}}}
    new = {"spec": {"ports": [{"port": 2}]}, "metadata": {"labels": {"app.kubernetes.io/name": "b"}}, "more": 1}
    assert differences.compare(old, new) == {
        'metadata.labels["app.kubernetes.io/name"]': "update",
        "more": "add",
        "spec.gone": "delete",
        "spec.ports[0].port": "update",
    }


@given(TREES)
def test_what_others_add_is_not_seen(declared: dict[str, Any]) -> None:
    assert manifests.project(declared, {**declared, "added by others": 1}) == declared


def test_an_item_that_somebody_put_in_front_moves_nothing() -> None:
    declared = {"containers": [{"name": "own", "image": "a"}]}
    live = {
        "containers": [{"name": "sidecar", "image": "x"}, {"name": "own", "image": "b", "imagePullPolicy": "Always"}]
    }
    assert manifests.project(declared, live) == {"containers": [{"name": "own", "image": "b"}]}


def test_only_what_differs_from_an_apply_is_drift_and_not_how_the_api_server_writes_it() -> None:
    inputs = {"kind": "Pod", "spec": {"cpu": "1000m", "image": "a", "empty": {}}}
    wanted = {"kind": "Pod", "spec": {"cpu": "1", "image": "a"}}
    assert manifests.inputs_of(inputs, wanted, wanted) == inputs
    edited = {"kind": "Pod", "spec": {"cpu": "1", "image": "b"}}
    assert manifests.inputs_of(inputs, edited, wanted) == {
        "kind": "Pod",
        "spec": {"cpu": "1000m", "image": "b", "empty": {}},
    }


def test_texts_of_a_secret_are_sent_as_data_and_found_again_as_texts() -> None:
    inputs = {"kind": "Secret", "stringData": {"a": "one", "b": "two"}}
    sent = manifests.to_manifest(inputs)
    assert sent == {"kind": "Secret", "data": {"a": "b25l", "b": "dHdv"}}
    assert manifests.inputs_of(inputs, sent, sent) == inputs
    edited = {"kind": "Secret", "data": {"a": "dHdv"}}
    assert manifests.inputs_of(inputs, edited, sent) == {"kind": "Secret", "stringData": {"a": "two"}}


def live(kind: str, version: str, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status}


SEEN = {"observedGeneration": 2}
SET = SEEN | {"replicas": 2, "readyReplicas": 2, "currentRevision": "a", "updateRevision": "a"}


@pytest.mark.parametrize(
    ("there", "judged"),
    [
        (live("StatefulSet", "apps/v1", {"replicas": 2}, SET), readiness.Ready),
        (live("StatefulSet", "apps/v1", {"replicas": 2}, SET | {"observedGeneration": 1}), readiness.Waiting),
        (live("StatefulSet", "apps/v1", {"replicas": 2}, SET | {"readyReplicas": 1}), readiness.Waiting),
        (live("StatefulSet", "apps/v1", {"replicas": 1}, SET), readiness.Waiting),
        (live("StatefulSet", "apps/v1", {"replicas": 2}, SET | {"updateRevision": "b"}), readiness.Waiting),
        (
            live(
                "StatefulSet",
                "apps/v1",
                {"replicas": 2, "updateStrategy": {"type": "OnDelete"}},
                SET | {"updateRevision": "b"},
            ),
            readiness.Ready,
        ),
        (live("Deployment", "apps/v1", {"replicas": 0}, SEEN), readiness.Ready),
        (live("Deployment", "apps/v1", {}, SEEN), readiness.Waiting),
        (
            live(
                "Deployment",
                "apps/v1",
                {},
                SEEN | {"conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]},
            ),
            readiness.Never,
        ),
        (live("PersistentVolumeClaim", "v1", {}, {"phase": "Pending"}), readiness.Waiting),
        (live("PersistentVolumeClaim", "v1", {}, {"phase": "Bound"}), readiness.Ready),
        (live("PersistentVolumeClaim", "v1", {}, {"phase": "Lost"}), readiness.Never),
        (live("Job", "batch/v1", {}, {"conditions": [{"type": "Failed", "status": "True"}]}), readiness.Never),
        (live("Job", "batch/v1", {}, {}), readiness.Waiting),
        (live("Service", "v1", {"type": "LoadBalancer"}, {}), readiness.Waiting),
        (live("Service", "v1", {}, {}), readiness.Ready),
        (live("ConfigMap", "v1", {}, {}), readiness.Ready),
    ],
)
def test_whether_something_is_ready_is_told_from_itself(there: dict[str, Any], judged: type) -> None:
    assert isinstance(readiness.judge(there), judged)


def test_pods_say_why_they_are_not_ready() -> None:
    waiting = {"name": "own", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    making = {"name": "own", "state": {"waiting": {"reason": "ContainerCreating"}}}
    unplaced = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    there = [
        {"metadata": {"name": "a-0"}, "status": {"containerStatuses": [waiting]}},
        {"metadata": {"name": "a-1"}, "status": {"containerStatuses": [making]}},
        {"metadata": {"name": "a-2"}, "status": {"conditions": [unplaced]}},
    ]
    assert pods.explain(there) == "a-0: own ImagePullBackOff no such image; a-2: 0/1 nodes are available"


@pytest.mark.parametrize(
    ("message", "manager", "by_hand"),
    [
        ('conflict with "kubectl-edit" using apps/v1', "kubectl-edit", True),
        ('conflict with "kubectl" with subresource "scale" using apps/v1', "kubectl", True),
        # By apply: he declares it.
        ('conflict with "kubectl"', "kubectl", False),
        ('conflict with "kubectl-client-side-apply" using apps/v1', "kubectl-client-side-apply", False),
        ('conflict with "argocd-controller"', "argocd-controller", False),
        ('conflict with "kube-controller-manager" using apps/v1', "kube-controller-manager", False),
    ],
)
def test_only_what_a_person_changed_at_a_keyboard_is_taken_back(message: str, manager: str, by_hand: bool) -> None:
    cause = {"reason": refusals.CONFLICT, "message": message, "field": ".spec.replicas"}
    assert refusals.conflicts({"details": {"causes": [cause]}}) == [("spec.replicas", manager, by_hand)]


def test_what_a_set_lets_change_is_no_replacement_though_its_whole_spec_is_blamed() -> None:
    message = "Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are forbidden"
    body = {"details": {"causes": [{"message": message, "field": "spec"}]}}
    changed = {"spec.serviceName": "update", "spec.template.spec.containers[0].image": "update", "spec.replicas": "add"}
    assert refusals.fixed_paths(body, changed) == {"spec.serviceName"}


def test_what_is_wrong_in_another_way_is_no_replacement() -> None:
    body = {"details": {"causes": [{"message": "Required value", "field": "spec.serviceName"}]}}
    assert refusals.fixed_paths(body, {"spec.serviceName": "delete"}) == frozenset()


def test_names_are_asked_for_and_never_made_up() -> None:
    inputs: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}
    assert [mistake.path for mistake in Kubernetes().check("kubernetes:core/v1:ConfigMap", inputs)] == ["metadata.name"]
    assert Kubernetes().check("kubernetes:helm.sh/v3:Chart", {})[0].reason.startswith("the stand-in has no resource")


def test_a_setting_of_the_provider_that_the_stand_in_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(Exception, match="renderYamlToDirectory"):
        Kubernetes().configure({"renderYamlToDirectory": "/tmp"})


@given(st.integers(8, 40))
def test_a_password_has_what_is_asked_for_and_nothing_else(length: int) -> None:
    drawn = draw({"length": length, "special": False, "minUpper": 2, "minNumeric": 3})
    assert len(drawn) == length
    assert set(drawn) <= set(string.ascii_letters + string.digits)
    assert sum(letter.isupper() for letter in drawn) >= 2
    assert sum(letter.isdigit() for letter in drawn) >= 3


def test_two_passwords_are_never_the_same_and_a_preview_draws_none() -> None:
    made = [Random().create(PASSWORD, {"length": 32}, preview=False, seconds=0).outputs["result"] for _ in range(50)]
    assert len(set(made)) == 50
    assert Random().create(BYTES, {"length": 4}, preview=True, seconds=0).outputs["hex"] == wire.UNKNOWN


@pytest.mark.parametrize(
    ("inputs", "place"),
    [
        ({"length": 0}, "length"),
        ({"length": 3, "minLower": 2, "minUpper": 2}, "length"),
        ({"length": 8, "lower": False, "upper": False, "numeric": False, "special": False}, ""),
        ({"length": 8, "colour": "blue"}, "colour"),
    ],
)
def test_mistakes_of_a_password_are_named(inputs: dict[str, Any], place: str) -> None:
    assert place in [mistake.path for mistake in Random().check(PASSWORD, inputs)]


@given(TREES)
def test_what_was_secret_on_the_wire_is_secret_again_and_in_clear_between(values: dict[str, Any]) -> None:
    sent = wire.write({**values, "own": {"deep": {wire.SIGNATURE: wire.SECRET, "value": "correct horse"}}})
    assert wire.read(sent)["own"] == {"deep": "correct horse"}
    again = wire.write_secret(wire.read(sent), wire.secrets_of(sent))
    assert wire.secrets_of(again) == {("own", "deep")}
    assert wire.secret_texts(again) == ["correct horse"]


def test_a_list_with_a_secret_in_it_is_secret_as_a_whole_because_items_move() -> None:
    sent = wire.write({"list": ["a", {wire.SIGNATURE: wire.SECRET, "value": "correct horse"}]})
    assert wire.secrets_of(sent) == {("list",)}


def test_a_preview_of_another_cluster_leaves_the_state_of_ours_alone(tmp_path: Path) -> None:
    layout = Layout(cache=tmp_path, state=tmp_path)
    other = tmp_path / "other"
    other.write_text("current-context: of-mine")
    made = open_session(Engine((tmp_path,)), folder_of(layout), other, {"postgres": {"members": 3}})
    assert made.folder == tmp_path / "data" / "pulumi"
    if find_engine() is None:
        pytest.skip("Pulumi's engine is not built: no session was opened")
    elsewhere = session_of(layout, {"KUBECONFIG": str(other)}, Progress())
    assert elsewhere.folder == ELSEWHERE
    assert elsewhere.values["context"] == "of-mine"


def test_without_a_kubeconfig_it_is_said_what_to_do(tmp_path: Path) -> None:
    layout = Layout(cache=tmp_path, state=tmp_path)
    with pytest.raises(NotFound, match="make up starts a cluster"):
        find_kubeconfig(layout, {})
    layout.kubeconfig.touch()
    assert find_kubeconfig(layout, {}) == layout.kubeconfig
    with pytest.raises(NotFound, match="nowhere"):
        find_kubeconfig(layout, {"KUBECONFIG": str(tmp_path / "nowhere")})
