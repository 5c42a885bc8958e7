"""A policy that means something else offline than to the API server is refused when it is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from herold.errors import InvalidInput, Mistake, NotFound
from herold.policies import environment_of, find_policies, read_policies
from policies.cases import FOLDER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two rules and the parameters."""
    for name in ("audience-bound", "image-digest", "parameters"):
        shutil.copytree(FOLDER / name, tmp_path / name)
    return tmp_path


def mistakes(folder: Path, old: str, new: str, file: str = "audience-bound/policy.yaml") -> tuple[Mistake, ...]:
    """What is said when one text of a file is replaced."""
    text = (folder / file).read_text()
    assert old in text, old
    (folder / file).write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidInput) as refused:
        read_policies(folder)
    return refused.value.mistakes


def test_what_is_right_is_read(folder: Path) -> None:
    assert [policy.name for policy in read_policies(folder).policies] == [
        "herold-audience-bound",
        "herold-image-digest",
    ]
    assert read_policies(folder).parameter("prod", "max-recipients") == "1000000"


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("failurePolicy: Fail", "failurePolicy: Ignore", "spec.failurePolicy", "'Fail'"),
        (
            "  matchConstraints:",
            "  matchConstraints:\n    namespaceSelector: {}",
            "spec.matchConstraints",
            "not permitted",
        ),
        ("  validations:", "  auditAnnotations: []\n  validations:", "spec.auditAnnotations", "not permitted"),
        ("message: spec", "reason: Forbidden\n      message: spec", "spec.validations[0].reason", "not permitted"),
        ("[Deny]", "[Warn]", "spec.validationActions", "'Deny'"),
        ("parameterNotFoundAction: Allow", "parameterNotFoundAction: Deny", "spec.paramRef", "'Allow'"),
        ("'max-recipients.' +", "'max-recipients.'.upperAscii() +", "spec.variables[0].expression", "upperAscii"),
        ("<= variables.bound", "<=", "spec.validations[0].expression", "not an expression that both sides speak"),
        ("<= variables.bound", "<= bound", "spec.validations[0].expression", "undeclared reference"),
    ],
)
def test_what_only_the_api_server_would_obey_is_named(folder: Path, old: str, new: str, path: str, words: str) -> None:
    (mistake,) = mistakes(folder, old, new)
    assert mistake.file.endswith("audience-bound/policy.yaml")
    assert mistake.line > 1
    assert mistake.path.startswith(path)
    assert words in mistake.message


def test_names_of_folder_policy_and_binding_go_together(folder: Path) -> None:
    found = mistakes(folder, "name: herold-audience-bound", "name: herold-other")
    assert [(each.path, each.fix) for each in found] == [("metadata.name", "write herold-audience-bound")]
    found = mistakes(
        folder, "policyName: herold-image-digest", "policyName: herold-audience-bound", "image-digest/policy.yaml"
    )
    assert [each.path for each in found] == ["metadata.name", "spec.policyName"]


def test_a_policy_without_its_binding_and_parameters_of_the_wrong_environment_are_named(folder: Path) -> None:
    policy = folder / "image-digest" / "policy.yaml"
    policy.write_text(policy.read_text().partition("---\n")[0])
    shutil.copy(folder / "parameters" / "test.yaml", folder / "parameters" / "prod.yaml")
    (folder / "parameters" / "staging.yaml").unlink()
    with pytest.raises(InvalidInput) as refused:
        read_policies(folder)
    words = [f"{Path(each.file).name}: {each.path}: {each.message}" for each in refused.value.mistakes]
    assert words == [
        "policy.yaml: : must hold a policy and its binding, and nothing else",
        "prod.yaml: data.environment: is not the one of the file's name",
        "staging.yaml: : can't be read: No such file or directory",
        "staging.yaml: : must hold the ConfigMap herold-platform/herold-policy",
    ]


def test_a_folder_without_policies_is_not_taken_for_one_that_allows_everything(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no <rule>/policy\.yaml below"):
        read_policies(tmp_path)


def test_the_policies_of_a_checkout_are_found_from_anywhere_in_it(tmp_path: Path) -> None:
    assert find_policies(Path(__file__).parent) == FOLDER
    assert find_policies(tmp_path) is None


@pytest.mark.parametrize(
    ("file", "environment"),
    [
        ("gitops/campaigns/prod/shop/sale.yaml", "prod"),
        ("/elsewhere/campaigns/staging/x.yaml", "staging"),
        ("campaigns/prod.yaml", "test"),
        ("campaigns/shop/prod/x.yaml", "test"),
        ("x.yaml", "test"),
    ],
)
def test_a_file_is_for_the_environment_of_its_folder(file: str, environment: str) -> None:
    assert environment_of(file, "test") == environment
