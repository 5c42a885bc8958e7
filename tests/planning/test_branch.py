"""What a branch changes: campaigns, and what is hit because it names what changed; read from Git alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from herold.errors import NotFound
from herold.planning.artefact import as_artefact
from herold.planning.brief import as_review_json, as_review_text
from herold.planning.comment import as_comment
from planning.repository import Repository, another, started
from policies.cases import policies

HELLO, SEGMENT, TEMPLATE, SENDER = (
    f"test/{name}.yaml" for name in ("shop/hello", "shop/segment", "shop/template", "shared/sender")
)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return started(tmp_path)


def changes(repository: Repository) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(each.name.partition("/")[2], each.what, each.causes) for each in repository.branch().changes]


def test_an_added_an_edited_and_a_deleted_campaign_are_told_apart(repository: Repository) -> None:
    repository.write("test/shop/old.yaml", another("old"))
    repository.base = repository.commit()
    repository.write("test/shop/new.yaml", another("new"))
    repository.edit(HELLO, {"occurrence": 2})
    repository.remove("test/shop/old.yaml")
    repository.commit()
    assert changes(repository) == [("old", "Deleted", ()), ("hello", "Edited", ()), ("new", "Added", ())]
    edited = repository.branch().changes[1]
    assert edited.before is not None
    assert edited.after is not None
    assert (edited.before.campaign.spec.occurrence, edited.after.campaign.spec.occurrence) == (1, 2)


@pytest.mark.parametrize(
    ("file", "change", "cause"),
    [
        (SEGMENT, {"allOf": [{"anyOf": [{"order": {"atLeast": 1}}]}]}, "Segment campaigns-shop/everybody"),
        (TEMPLATE, {"defaultLocale": "en", "attributeDefaults": []}, "MessageTemplate campaigns-shop/hello"),
        (SENDER, {"limits": {"perSecond": "1"}}, "SenderProfile campaigns-shared/shop-newsletter"),
    ],
)
def test_a_campaign_is_hit_by_a_change_of_what_it_names(
    repository: Repository, file: str, change: dict[str, object], cause: str
) -> None:
    if file == TEMPLATE:
        contents = [{"locale": "en", "subject": "Hi", "text": "Hi {{ unsubscribe_url }}"}]
        change = {**change, "contents": contents}
    repository.edit(file, change)
    repository.commit()
    assert changes(repository) == [("hello", "Affected", (cause,))]
    (other,) = repository.branch().others
    assert (other.what, other.used_by) == ("Edited", 1)


def test_a_segment_that_only_another_segment_names_hits_the_campaign(repository: Repository) -> None:
    inner = {**repository.objects[SEGMENT], "metadata": {"name": "inner", "namespace": "campaigns-shop"}}
    repository.write("test/shop/inner.yaml", inner)
    repository.edit(SEGMENT, {"allOf": [{"anyOf": [{"segmentRef": {"name": "inner"}}]}]})
    repository.base = repository.commit()
    repository.edit("test/shop/inner.yaml", {"allOf": [{"anyOf": [{"order": {"atLeast": 2}}]}]})
    repository.commit()
    assert changes(repository) == [("hello", "Affected", ("Segment campaigns-shop/inner",))]


def test_moved_files_notes_and_layout_change_nothing(repository: Repository) -> None:
    hello = repository.objects[HELLO]
    repository.remove(HELLO)
    repository.write("test/elsewhere/moved.yaml", hello)
    sender = repository.objects[SENDER]
    repository.write(SENDER, {**sender, "metadata": {**sender["metadata"], "annotations": {"note": "x"}}})
    repository.commit()
    assert changes(repository) == []
    assert [each.kind for each in repository.branch().others] == ["SenderProfile"]


def test_environments_are_worlds_of_their_own_and_prod_comes_first(repository: Repository) -> None:
    for name, content in list(repository.objects.items()):
        repository.write(name.replace("test/", "prod/", 1), content)
    repository.base = repository.commit()
    for environment in ("test", "prod"):
        repository.edit(f"{environment}/shop/hello.yaml", {"occurrence": 2})
    repository.commit()
    found = repository.branch().changes
    assert [(each.environment, each.name) for each in found] == [
        ("prod", "campaigns-shop/hello"),
        ("test", "campaigns-shop/hello"),
    ]


def test_what_the_branch_breaks_is_its_mistake_and_what_was_broken_is_not(repository: Repository) -> None:
    repository.write("test/shop/broken.yaml", another("broken", messageClass="Advertising"))
    repository.base = repository.commit()
    assert (repository.branch().mistakes, repository.branch().old_mistakes) == ((), 1)
    repository.edit(HELLO, {"occurrence": 2})
    repository.commit()
    assert changes(repository) == [("hello", "Edited", ())]
    repository.remove(SEGMENT)
    repository.commit()
    branch = repository.branch()
    words = "Segment everybody does not exist in namespace campaigns-shop"
    assert [each.message for each in branch.mistakes if each.file.endswith("hello.yaml")] == [words]
    assert [(each.name, each.what) for each in branch.changes] == [("campaigns-shop/hello", "Broken")]
    assert branch.old_mistakes >= 1


def test_a_file_that_nobody_can_read_does_not_hide_the_others(repository: Repository) -> None:
    repository.write("test/shop/new.yaml", another("new"))
    (repository.folder / "gitops/campaigns/test/shop/bytes.yaml").write_bytes(b"\xff\xfe")
    repository.write("test/shop/huge.yaml", f"# {'x' * (1 << 20)}\n")
    repository.write("test/shop/deployment.yaml", {"apiVersion": "apps/v1", "kind": "Deployment"})
    (repository.folder / "gitops/campaigns/test/shop/link.yaml").symlink_to("/etc/passwd")
    repository.commit()
    branch = repository.branch()
    assert [(each.name, each.what) for each in branch.changes] == [("campaigns-shop/new", "Added")]
    told = {Path(each.file).name: each.message.partition(",")[0] for each in branch.mistakes}
    assert told["bytes.yaml"] == "is not UTF-8"
    assert told["huge.yaml"] == "is bigger than 1 MiB"
    assert told["link.yaml"] == "is a link"
    assert told["deployment.yaml"].startswith("'apps/v1' does not belong to Herold")


def test_two_dots_compare_two_states_and_three_what_the_branch_did(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "work")
    repository.edit(HELLO, {"occurrence": 2})
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.write("test/shop/meanwhile.yaml", another("meanwhile"))
    repository.commit()
    names = {
        dots: [
            (each.name.partition("/")[2], each.what) for each in repository.branch(revisions=f"main{dots}work").changes
        ]
        for dots in ("..", "...")
    }
    assert names == {"..": [("meanwhile", "Deleted"), ("hello", "Edited")], "...": [("hello", "Edited")]}


def test_a_return_to_what_was_there_before_is_known(repository: Repository) -> None:
    repository.edit(HELLO, {"audience": {"maxRecipients": 60_000}})
    repository.base = repository.commit()
    repository.edit(HELLO, {"audience": {"maxRecipients": 50_000}})
    repository.commit()
    (change,) = repository.branch().changes
    assert change.returned
    repository.edit(HELLO, {"audience": {"maxRecipients": 70_000}})
    repository.commit()
    (change,) = repository.branch().changes
    assert not change.returned


def test_a_deleted_campaign_that_comes_back_is_a_return(repository: Repository) -> None:
    hello = repository.objects[HELLO]
    repository.remove(HELLO)
    repository.base = repository.commit()
    repository.write(HELLO, hello)
    repository.commit()
    (change,) = repository.branch().changes
    assert (change.what, change.returned) == ("Added", True)


def test_policies_judge_what_is_applied_as_the_api_server_will(repository: Repository) -> None:
    """An old campaign that breaks a rule is not judged for what others do, and for its own next edit."""
    repository.edit(HELLO, {"audience": {"maxRecipients": 5_000_000}})
    repository.base = repository.commit()
    repository.edit(SENDER, {"limits": {"perSecond": "1"}})
    repository.commit()
    (change,) = repository.branch(policies()).changes
    assert (change.what, change.denials) == ("Affected", ())
    repository.edit(HELLO, {"occurrence": 2})
    repository.commit()
    (change,) = repository.branch(policies()).changes
    assert [each.policy for each in change.denials] == ["herold-audience-bound"]
    repository.edit(HELLO, {"suspend": True})
    repository.commit()
    (change,) = repository.branch(policies()).changes
    assert (change.denials, [each.policy for each in change.later]) == ((), ["herold-audience-bound"])


def test_policies_judge_templates_and_senders_too(repository: Repository) -> None:
    repository.edit(TEMPLATE, {"contents": [{"locale": "en", "subject": "Hello", "text": "Hello."}]})
    repository.commit()
    (other,) = repository.branch(policies()).others
    assert [each.policy for each in other.denials] == ["herold-unsubscribe-link"]


@pytest.mark.parametrize("revisions", ["nowhere..HEAD", "HEAD..nowhere", "HEAD...nowhere", "--all..HEAD"])
def test_revisions_that_are_none_are_named(repository: Repository, revisions: str) -> None:
    with pytest.raises(NotFound, match="no revision"):
        repository.branch(revisions=revisions)


def test_nothing_of_the_work_tree_is_read_or_touched(repository: Repository) -> None:
    repository.edit(HELLO, {"occurrence": 2})
    repository.commit()
    repository.write(HELLO, "broken: [")
    repository.write("test/shop/uncommitted.yaml", another("uncommitted"))
    assert changes(repository) == [("hello", "Edited", ())]
    assert repository.git("status", "--porcelain").splitlines() == [
        "M gitops/campaigns/test/shop/hello.yaml",
        "?? gitops/campaigns/test/shop/uncommitted.yaml",
    ]


@pytest.mark.parametrize(
    "name", ["caf\udce9.yaml", "line\nbreak.yaml", "tab\t.yaml", "-o.yaml", ":(top)x.yaml", "a*[b].yaml"]
)
def test_a_file_of_any_name_is_read_and_can_be_told(repository: Repository, name: str) -> None:
    path = repository.folder / "gitops/campaigns/test/shop" / name
    path.write_text("broken: [")
    repository.write(HELLO, another("hello", occurrence=2))
    repository.base = repository.commit()
    path.write_text(yaml.safe_dump(another("named", messageClass="Advertising")))
    repository.commit()
    review = repository.review()
    assert [each.message for each in review.branch.mistakes] == ["'Advertising' is not allowed here"]
    for form in (as_comment, as_artefact, as_review_text, as_review_json):
        assert "Advertising" in form(review).encode().decode()
    path.write_text(yaml.safe_dump(another("named")))
    repository.commit()
    assert [(each.name, each.what) for each in repository.branch().changes] == [("campaigns-shop/named", "Added")]
