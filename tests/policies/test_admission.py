"""The API server denies what the policies forbid, in the same words; and no policy stands in the way of a brake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from herold.policies.reading import PARAMETERS
from parts.kubernetes import Answer, path_of, wait_for
from policies.cases import FOLDER, RULES, Case, Object, cases, policies
from policies.cluster import Cluster, anew, denial_of, suspended

# By environment, so that parameters seldom change.
PASS, FAIL = (
    [each for environment in ("prod", "staging", "test") for each in cases(file) if each.environment == environment]
    for file in ("pass", "fail")
)
OLD = [case for case in FAIL if case.key[0] != "ConfigMap"]
CAMPAIGNS = [case for case in OLD if case.key[0] == "Campaign"]
SENDERS = [case for case in OLD if case.key[0] == "SenderProfile"]
SCALED = [case for case in OLD if case.key[0] == "Deployment"]


@pytest.mark.parametrize("case", PASS, ids=str)
def test_what_passes_is_admitted(cluster: Cluster, case: Case) -> None:
    cluster.use(policies().parameters[case.environment])
    assert cluster.says(case.manifest) is None


@pytest.mark.parametrize("case", FAIL, ids=str)
def test_what_fails_is_denied_by_its_policy_in_the_expected_words(cluster: Cluster, case: Case) -> None:
    cluster.use(policies().parameters[case.environment])
    made = anew(case.manifest)
    assert cluster.says(made) == denied(case, made)


@pytest.mark.parametrize("case", OLD, ids=str)
@pytest.mark.parametrize("note", ["herold.dev/hold", "herold.dev/stop"])
def test_an_old_object_that_breaks_a_rule_can_be_held_and_stopped(cluster: Cluster, case: Case, note: str) -> None:
    cluster.use(policies().parameters[case.environment])
    made = try_(cluster, case.manifest, {"metadata": {"annotations": {note: "wrong price"}}})
    assert made["metadata"]["annotations"][note] == "wrong price"


@pytest.mark.parametrize("case", OLD, ids=str)
def test_an_old_object_that_breaks_a_rule_can_be_applied_as_it_is(cluster: Cluster, case: Case) -> None:
    cluster.use(policies().parameters[case.environment])
    assert cluster.says(case.manifest) is None


@pytest.mark.parametrize("case", OLD, ids=str)
def test_an_old_object_that_breaks_a_rule_can_be_deleted(cluster: Cluster, case: Case) -> None:
    cluster.use(policies().parameters[case.environment])
    cluster.api.ask("DELETE", f"{path_of(case.manifest)}?dryRun=All")


@pytest.mark.parametrize("case", CAMPAIGNS, ids=str)
def test_an_old_campaign_that_breaks_a_rule_can_be_suspended_whatever_else_is_edited(
    cluster: Cluster, case: Case
) -> None:
    cluster.use(policies().parameters[case.environment])
    made = try_(cluster, case.manifest, {"spec": {"suspend": True, "message": {"variables": {"price": "14.99"}}}})
    assert made["spec"]["suspend"]
    assert made["spec"]["message"]["variables"] == {"price": "14.99"}


@pytest.mark.parametrize("case", CAMPAIGNS, ids=str)
def test_a_suspended_campaign_that_breaks_a_rule_is_not_let_go(cluster: Cluster, case: Case) -> None:
    cluster.use(policies().parameters[case.environment])
    old = suspended(case.manifest)
    assert try_(cluster, old, {"spec": {"message": {"variables": {"price": "14.99"}}}})["spec"]["suspend"]
    assert refusal(cluster, old, {"spec": {"suspend": False}}) == denied(case, old)


@pytest.mark.parametrize("case", CAMPAIGNS, ids=str)
def test_an_old_campaign_that_breaks_a_rule_is_not_sent_once_more(cluster: Cluster, case: Case) -> None:
    cluster.use(policies().parameters[case.environment])
    assert refusal(cluster, case.manifest, {"spec": {"occurrence": 2}}) == denied(case, case.manifest)


@pytest.mark.parametrize("case", SENDERS, ids=str)
def test_an_old_sender_that_breaks_a_rule_can_be_slowed_down(cluster: Cluster, case: Case) -> None:
    cluster.use(policies().parameters[case.environment])
    slow = try_(cluster, case.manifest, {"spec": {"limits": {"perSecond": "1"}}})
    assert slow["spec"]["limits"]["perSecond"] == "1"


@pytest.mark.parametrize("case", [case for case in SENDERS if case.rule == "allow-list"], ids=str)
def test_an_old_list_that_allows_strangers_can_be_shortened_not_lengthened(cluster: Cluster, case: Case) -> None:
    cluster.use(policies().parameters[case.environment])
    shortened: list[Object] = [{"domains": []}, {"addresses": ["anna@team.example"]}, {"domains": [], "addresses": []}]
    for shorter in shortened:
        try_(cluster, case.manifest, {"spec": {"allow": shorter}})
    words = refusal(cluster, case.manifest, {"spec": {"allow": {"domains": ["someone-else.dev"]}}})
    assert words.startswith("herold-allow-list: spec.allow: 1 of its new entries")


@pytest.mark.parametrize("case", SCALED, ids=str)
def test_an_old_deployment_that_breaks_a_rule_can_be_scaled_to_nothing(cluster: Cluster, case: Case) -> None:
    cluster.use(policies().parameters[case.environment])
    assert try_(cluster, case.manifest, {"spec": {"replicas": 0}})["spec"]["replicas"] == 0


def test_brakes_were_tried_on_every_rule() -> None:
    assert {case.rule for case in OLD} == set(RULES) - {"parameters-kept"}, "its subject is nobody's campaign"


def test_kubectl_installs_all_of_them_at_once(cluster: Cluster) -> None:
    asked = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-k", str(FOLDER))
    assert len(cluster.api.kubectl(*asked).splitlines()) == 2 * len(RULES)


def test_the_parameters_are_never_taken_away(cluster: Cluster) -> None:
    namespace, name = PARAMETERS
    for path in (f"/api/v1/namespaces/{namespace}/configmaps/{name}", f"/api/v1/namespaces/{namespace}/configmaps"):
        with pytest.raises(Answer) as refused:
            cluster.api.ask("DELETE", path)
        assert denial_of(refused.value).startswith("herold-parameters-kept: metadata.name: without herold-policy")


def test_brakes_work_without_any_parameters(cluster: Cluster) -> None:
    """As after a restore of half a cluster: whoever lost the parameters must still be able to stop the mail."""
    with unguarded(cluster) as (case, parameters):
        cluster.api.delete(parameters)
        wait_for("the policies to judge nothing", lambda: cluster.says(anew(case.manifest)) is None)
        brake(cluster, case)


def test_brakes_work_while_the_parameters_are_garbage(cluster: Cluster) -> None:
    with unguarded(cluster) as (case, parameters):
        cluster.api.apply({**parameters, "data": {"nothing": "that a policy reads"}})
        # What can't be judged is denied.
        wait_for("the garbage to be in force", lambda: "no such key" in str(cluster.says(anew(case.manifest))))
        brake(cluster, case)


def brake(cluster: Cluster, case: Case) -> None:
    """Hold, suspend, slow down, delete."""
    sender = next(each for each in SENDERS if each.rule == "allow-list")
    try_(cluster, case.manifest, {"metadata": {"annotations": {"herold.dev/hold": "x"}}})
    try_(cluster, case.manifest, {"spec": {"suspend": True}})
    try_(cluster, sender.manifest, {"spec": {"limits": {"perSecond": "1"}}})
    cluster.api.ask("DELETE", f"{path_of(case.manifest)}?dryRun=All")


@contextmanager
def unguarded(cluster: Cluster) -> Iterator[tuple[Case, Object]]:
    """A case that fails in prod, and prod's parameters, which nothing keeps until the end of the block."""
    documents = yaml.safe_load_all((FOLDER / "parameters-kept" / "policy.yaml").read_text())
    binding = next(each for each in documents if each["kind"] == "ValidatingAdmissionPolicyBinding")
    parameters = dict(policies().parameters["prod"])
    case = next(case for case in CAMPAIGNS if case.environment == "prod")
    made = anew(case.manifest)
    cluster.use(parameters)
    spoiled = {**parameters, "data": {}}
    cluster.api.delete(binding)
    try:
        wait_for("the guard to go", lambda: cluster.says(spoiled) is None)
        yield case, parameters
    finally:
        cluster.api.apply(parameters)
        cluster.api.apply(binding)
        wait_for("the guard", lambda: cluster.says(spoiled))
        wait_for("the parameters", lambda: cluster.says(made) == denied(case, made))


def try_(cluster: Cluster, manifest: Object, change: dict[str, Any]) -> Object:
    """What a merge patch would make of it. Raises Answer."""
    made: Object = cluster.api.merge(manifest, change, dry_run=True)
    return made


def refusal(cluster: Cluster, manifest: Object, change: dict[str, Any]) -> str:
    """The words in which a merge patch is denied."""
    with pytest.raises(Answer) as refused:
        try_(cluster, manifest, change)
    return denial_of(refused.value)


def denied(case: Case, manifest: Object) -> str:
    """What is expected to be said, of one with another name."""
    return f"herold-{case.rule}: {(case.says or '').replace(case.key[2], manifest['metadata']['name'])}"
