"""Approval in the plan of a branch: whose word is there counts, and the file that is missing is ready to be copied."""

from __future__ import annotations

import html
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from herold.planning.artefact import as_artefact
from herold.planning.brief import as_review_json, as_review_text
from herold.planning.comment import as_comment
from herold.planning.review import Verdict
from herold.resources.catalogue import survey_texts
from parts.campaigns import SHARED
from planning.repository import APPROVALS, Repository, started
from policies.cases import policies

HELLO, TEMPLATE = "test/shop/hello.yaml", "test/shop/template.yaml"
MANY: dict[str, Any] = {"audience": {"maxRecipients": 90_000}}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A branch that raises the bound."""
    made = started(tmp_path)
    made.edit(HELLO, MANY)
    made.commit()
    return made


def approve(repository: Repository, name: str = "yes", **fields: Any) -> None:
    """Somebody puts the file of the plan into the branch, with name and reason."""
    wanted = repository.entry(above=50_000).wanted
    assert wanted is not None
    content = yaml.safe_load(wanted.text)
    content["metadata"]["name"] = name
    content["spec"] |= {"approver": "crm-lead", "reason": "looked at the plan", **fields}
    put(repository, name, content)


def put(repository: Repository, name: str, content: Any) -> None:
    path = repository.folder / APPROVALS / "test" / "shop" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    repository.commit()


def test_the_file_that_is_missing_stands_in_every_form_of_the_plan(repository: Repository) -> None:
    review = repository.review(policies(), above=50_000)
    (entry,) = review.entries
    assert entry.verdict is Verdict.NEEDS_APPROVAL
    assert entry.wanted is not None
    assert entry.told is not None
    assert entry.wanted.file == f"gitops/approvals/test/shop/hello-{entry.told.intent_digest[:8]}.yaml"
    comment = as_comment(review)
    assert f"An approver adds `{entry.wanted.file}`" in comment
    (block,) = re.findall(r"```yaml\n(.*?)```", comment, re.DOTALL)
    assert block == entry.wanted.text
    content = yaml.safe_load(block)
    assert content["spec"]["intentDigest"] == f"sha256:{entry.told.intent_digest}"
    assert content["spec"]["maxRecipients"] == 90_000
    assert entry.wanted.file in html.unescape(as_artefact(review))
    assert entry.wanted.file in as_review_text(review)
    assert f'"file": "{entry.wanted.file}"' in as_review_json(review)
    assert asdict(entry.wanted)["text"].startswith("# yaml-language-server: $schema=")


def test_the_file_is_not_right_before_somebody_writes_name_and_reason(repository: Repository) -> None:
    wanted = repository.entry(above=50_000).wanted
    assert wanted is not None
    _, mistakes = survey_texts({wanted.file: wanted.text}, shared_namespace=SHARED)
    assert sorted(each.path for each in mistakes) == ["spec.approver", "spec.reason"]
    text = wanted.text.replace("YOUR-NAME", "crm-lead").replace('reason: ""', "reason: looked at the plan")
    _, mistakes = survey_texts({wanted.file: text}, shared_namespace=SHARED)
    assert mistakes == ()


def test_what_an_approver_added_to_the_branch_makes_it_fine_and_is_said(repository: Repository) -> None:
    approve(repository)
    review = repository.review(policies(), above=50_000)
    (entry,) = review.entries
    assert (review.verdict, entry.wanted) == (Verdict.FINE, None)
    (note,) = [each for each in entry.notes if each.reason == "ApprovedHere"]
    assert note.message.startswith("crm-lead approves just this, for at most 90,000 people")
    assert [(each.kind, each.what) for each in review.branch.others] == [("CampaignApproval", "Added")]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"intentDigest": f"sha256:{0:064d}"}, "It was approved for other content (CampaignApproval yes)"),
        ({"maxRecipients": 89_999}, "CampaignApproval yes is for at most 89,999 people."),
        ({"expiresAt": "2026-11-24T12:00:00Z"}, "CampaignApproval yes expired at 2026-11-24T12:00:00Z."),
        ({"campaign": "other"}, ""),
    ],
)
def test_another_word_than_for_just_this_does_not_count(
    repository: Repository, fields: dict[str, Any], says: str
) -> None:
    approve(repository, **fields)
    entry = repository.entry(above=50_000)
    assert entry.verdict is Verdict.NEEDS_APPROVAL
    (note,) = [each for each in entry.notes if each.reason == "NeedsApproval"]
    assert says in note.message


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"campaign": "helo"}, "there is no Campaign campaigns-shop/helo"),
        ({"intentDigest": f"sha256:{0:064d}"}, "it is for other content than Campaign campaigns-shop/hello has here"),
    ],
)
def test_an_approval_that_fits_nothing_is_told_to_who_wrote_it(
    repository: Repository, fields: dict[str, Any], says: str
) -> None:
    approve(repository, **fields)
    review = repository.review(above=50_000)
    (note,) = [each for each in review.notes if each.reason == "ApprovesNothing"]
    assert (note.severity, says in note.message) == ("warning", True), note.message
    assert note.message in html.unescape(as_artefact(review))


def test_an_approval_that_fits_is_not_said_to_approve_nothing(repository: Repository) -> None:
    approve(repository)
    assert repository.review(above=50_000).notes == ()


def test_an_approval_with_a_mistake_does_not_count_and_the_mistake_is_named(repository: Repository) -> None:
    approve(repository, approver="somebody@shop.example")
    review = repository.review(above=50_000)
    assert review.entries[0].wanted is not None
    assert review.verdict is Verdict.REFUSED
    assert [each.path for each in review.branch.mistakes] == ["spec.approver"]


def test_an_edit_after_the_approval_needs_another_one(repository: Repository) -> None:
    approve(repository)
    repository.base = repository.commit()
    repository.edit(TEMPLATE, {"defaultLocale": "en", "attributeDefaults": [{"name": "first_name", "default": "you"}]})
    repository.commit()
    entry = repository.entry(above=50_000)
    assert entry.verdict is Verdict.NEEDS_APPROVAL
    (note,) = [each for each in entry.notes if each.reason == "NeedsApproval"]
    assert "and changed since" in note.message
    approve(repository, "again")
    assert repository.entry(above=50_000).verdict is Verdict.FINE


def test_an_approval_that_is_edited_is_refused_as_the_api_server_refuses_it(repository: Repository) -> None:
    approve(repository)
    repository.base = repository.commit()
    content = yaml.safe_load((repository.folder / APPROVALS / "test/shop/yes.yaml").read_text())
    content["spec"]["maxRecipients"] = 95_000
    put(repository, "yes", content)
    review = repository.review(above=50_000)
    assert review.verdict is Verdict.REFUSED
    assert "an approval is never edited" in review.notes[0].message


def test_a_return_to_what_was_there_is_merged_and_it_is_said_what_the_cluster_will_ask_for(
    repository: Repository,
) -> None:
    repository.edit(HELLO, {"audience": {"maxRecipients": 80_000}})
    repository.base = repository.commit()
    repository.git("revert", "--no-edit", "HEAD")
    entry = repository.entry(above=50_000)
    assert (entry.verdict, entry.wanted) == (Verdict.FINE, None)
    assert "NeedsApproval" in [each.reason for each in entry.notes]
