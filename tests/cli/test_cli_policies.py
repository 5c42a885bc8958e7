"""`herold validate` judges by the policies of the checkout."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from cli.world import World, hello

POLICIES = Path(__file__).parents[2] / "policies" / "admission"


@pytest.fixture
def checkout(bare: World) -> World:
    """A world that is a checkout with policies, and a campaign for more people than test allows."""
    shutil.copytree(POLICIES, bare.folder / "policies" / "admission")
    made = hello(campaign={"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 100_001}})
    bare.declare(made)
    sender = bare.files / "SenderProfile-shop-newsletter.yaml"
    sender.write_text(sender.read_text().replace("labels: {}", "labels: {herold.dev/environment: test}"))
    return bare


def test_a_policy_is_named_with_the_place_and_what_to_do(checkout: World) -> None:
    said = checkout.herold("validate", "campaigns")
    assert said.code == 3
    assert said.err.splitlines() == [
        "herold: 1 mistake in the resources",
        "campaigns/Campaign-hello.yaml:11:20: spec.audience.maxRecipients: 100001 is more than 100000, the bound of "
        "this campaign in test (policy herold-audience-bound)",
        "    fix: lower it, or ask the platform for a greater max-recipients.campaigns-shop.hello in its parameters",
    ]


def test_programs_get_the_same_and_how_many_policies_were_asked(checkout: World) -> None:
    said = checkout.herold("validate", "campaigns", "-o", "json")
    assert (said.code, said.json["policies"], len(said.json["mistakes"])) == (3, 13, 1)
    said = checkout.must("validate", "campaigns", "-o", "json", "--no-policies")
    assert (said.json["valid"], said.json["policies"]) == (True, 0)


def test_the_folder_of_an_environment_is_judged_by_its_parameters(checkout: World) -> None:
    (checkout.folder / "gitops" / "campaigns").mkdir(parents=True)
    shutil.copytree(checkout.files, checkout.folder / "gitops" / "campaigns" / "prod")
    said = checkout.herold("validate", "gitops/campaigns/prod")
    assert [line.rpartition("(")[2] for line in said.err.splitlines() if "policy" in line] == [
        "policy herold-quiet-hours)",
        "policy herold-sender-environment)",
    ]
    checkout.environ["HEROLD_ENVIRONMENT"] = "prod"
    said = checkout.herold("validate", "campaigns")
    assert "in test" not in said.err
    assert "policy herold-quiet-hours" in said.err


def test_policies_of_another_folder_and_none_at_all(checkout: World) -> None:
    shutil.move(checkout.folder / "policies" / "admission", checkout.folder / "elsewhere")
    assert "no policies were asked" in checkout.must("validate", "campaigns").out
    assert checkout.herold("validate", "campaigns", "--policies", "elsewhere").code == 3
    said = checkout.herold("validate", "campaigns", "--policies", "campaigns")
    assert (said.code, "no <rule>/policy.yaml below campaigns" in said.err) == (3, True)


def test_a_broken_policy_is_named_and_nothing_passes(checkout: World) -> None:
    file = checkout.folder / "policies" / "admission" / "audience-bound" / "policy.yaml"
    file.write_text(file.read_text().replace("<= variables.bound", "<= variables."))
    said = checkout.herold("validate", "campaigns")
    assert said.code == 3
    assert "mistake in the policies" in said.err
    assert "audience-bound/policy.yaml:" in said.err


def test_without_the_extra_it_says_how_to_get_it(checkout: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from herold.policies import expression

    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    expression._cel.cache_clear()
    expression._environment.cache_clear()
    try:
        said = checkout.herold("validate", "campaigns")
    finally:
        expression._cel.cache_clear()
        expression._environment.cache_clear()
    assert said.code == 1
    assert "pip install 'herold[policies]'" in said.err
    assert "--no-policies" in said.err
