"""`herold approve` writes the file by which just this campaign, as it stands, may start."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from cli.test_cli_policies import POLICIES
from cli.world import World
from herold.cli.entry import ExitCode
from planning.repository import Repository, started

WHO = ("--approver", "crm-lead", "--reason", "plan looked at: fine")


@pytest.fixture
def repository(bare: World) -> Repository:
    """A checkout whose branch raises the bound of its only campaign."""
    shutil.copytree(POLICIES, bare.folder / "policies" / "admission")
    made = started(bare.folder)
    made.edit("test/shop/hello.yaml", {"audience": {"maxRecipients": 60_000}})
    made.commit()
    return made


def test_what_it_writes_turns_the_plan_of_the_branch_to_fine(bare: World, repository: Repository) -> None:
    revisions = f"{repository.base}..HEAD"
    before = bare.herold("plan", "--changed", revisions, "-o", "json")
    assert before.code == ExitCode.NEEDS_APPROVAL
    (campaign,) = before.json["campaigns"]
    said = bare.herold("approve", "hello", *WHO)
    assert (said.code, said.out.strip()) == (0, campaign["approval"]["file"])
    assert f"sha256:{campaign['intentDigest']}), for at most 60,000 people" in said.err
    spec = yaml.safe_load((bare.folder / said.out.strip()).read_text())["spec"]
    assert spec == {
        **{"campaign": "hello", "intentDigest": f"sha256:{campaign['intentDigest']}", "maxRecipients": 60_000},
        **{"approver": "crm-lead", "reason": "plan looked at: fine"},
    }
    repository.commit()
    assert bare.herold("plan", "--changed", revisions).code == ExitCode.OK
    bare.must("validate", "gitops/campaigns/test", "gitops/approvals/test")


def test_none_is_written_over_for_none_is_ever_edited(bare: World, repository: Repository) -> None:
    first = bare.must("approve", "campaigns-shop/hello", *WHO, "--expires", "2026-12-01T00:00:00Z").out.strip()
    second = bare.must("approve", "campaigns-shop/hello", *WHO).out.strip()
    assert second == first.replace(".yaml", "-2.yaml")
    names = [yaml.safe_load((bare.folder / each).read_text())["metadata"]["name"] for each in (first, second)]
    assert names == [Path(first).stem, Path(second).stem]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--approver", "Anna Nowak", "--reason", "x"), "spec.approver: 'Anna Nowak' does not fit"),
        (("--approver", "anna@shop.example", "--reason", "x"), "spec.approver: 'anna@shop.example' does not fit"),
        (("--approver", "anna", "--reason", ""), "spec.reason: is empty"),
        ((*WHO, "--expires", "tomorrow"), "spec.expiresAt: 'tomorrow' does not fit"),
        ((*WHO, "--expires", "2026-02-30T00:00:00Z"), "is not a date and time that exists"),
    ],
)
def test_what_the_cluster_would_refuse_is_not_written(
    bare: World, repository: Repository, options: tuple[str, ...], says: str
) -> None:
    said = bare.herold("approve", "hello", *options)
    assert said.code == ExitCode.INVALID
    assert says in said.err
    assert not (repository.folder / "gitops" / "approvals").exists()


def test_a_campaign_that_is_not_there_is_said(bare: World, repository: Repository) -> None:
    said = bare.herold("approve", "hallo", *WHO)
    assert (said.code, "did you mean hello?" in said.err) == (ExitCode.INVALID, True)
    assert not (repository.folder / "gitops" / "approvals").exists()
