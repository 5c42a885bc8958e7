"""Every policy says what its cases expect, in words that name the place and what to do."""

from __future__ import annotations

import re

import pytest
import yaml

from herold.policies import denials
from policies.cases import FOLDER, RULES, Case, cases, offline, policies, request


def test_every_policy_has_cases_that_pass_and_cases_that_fail() -> None:
    assert [policy.name for policy in policies().policies] == [f"herold-{rule}" for rule in RULES]
    for file in ("pass", "fail"):
        assert {case.rule for case in cases(file)} == set(RULES)
    keys = [case.key for case in cases("fail") if case.key[0] != "ConfigMap"]
    assert len(keys) == len(set(keys)), "two failing cases have one name"


@pytest.mark.parametrize("case", cases("pass"), ids=str)
def test_what_passes_is_denied_by_no_policy_at_all(case: Case) -> None:
    assert offline(case.manifest, case.environment) == set()


@pytest.mark.parametrize("case", cases("fail"), ids=str)
def test_what_fails_is_denied_by_its_policy_alone_in_the_expected_words(case: Case) -> None:
    assert offline(case.manifest, case.environment) == {f"herold-{case.rule}: {case.says}"}


@pytest.mark.parametrize("case", cases("fail"), ids=str)
def test_a_denial_says_where_what_and_what_to_do(case: Case) -> None:
    asked = request(case.manifest)
    assert asked is not None
    (denial,) = denials(policies(), case.environment, asked)
    assert re.fullmatch(r"[a-zA-Z]+(\.[a-zA-Z]+)*", ".".join(denial.path))
    assert denial.problem
    assert re.match(r"(Write|Lower|Ask|Insert|Give|Name|Remove|Use|Delete)\b", denial.remedy), denial.remedy
    assert not denial.remedy.endswith(".")


def test_every_word_that_an_expression_may_fall_back_to_says_something_too() -> None:
    for policy in policies().policies:
        for validation in policy.spec.validations:
            assert len(validation.message) > 20


def test_the_kustomization_brings_every_policy() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    assert listed == [f"{rule}/policy.yaml" for rule in RULES]


@pytest.mark.parametrize("environment", ["test", "staging", "prod"])
def test_the_parameters_of_every_environment_are_such_as_policies_can_read(environment: str) -> None:
    assert offline(dict(policies().parameters[environment]), environment) == set()
