"""`herold plan --changed`: a branch's plan for its pull request, and an exit code: may it be merged?"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli.test_cli_policies import POLICIES
from cli.world import CANARY, World
from herold.cli.entry import ExitCode
from herold.ledger.roles import READER
from parts.logins import login
from parts.people import add_people
from planning.repository import Repository, started

HELLO = "test/shop/hello.yaml"


@pytest.fixture
def repository(bare: World) -> Repository:
    """The folder of the world is a checkout with policies and one campaign."""
    shutil.copytree(POLICIES, bare.folder / "policies" / "admission")
    return started(bare.folder)


def edited(repository: Repository, most: int) -> str:
    repository.edit(HELLO, {"audience": {"maxRecipients": most}})
    repository.commit()
    return f"{repository.base}..HEAD"


@pytest.mark.parametrize(
    ("most", "code"), [(40_000, ExitCode.OK), (60_000, ExitCode.NEEDS_APPROVAL), (200_000, ExitCode.REFUSED)]
)
def test_the_exit_code_says_whether_it_may_be_merged(
    bare: World, repository: Repository, most: int, code: ExitCode
) -> None:
    said = bare.herold("plan", "--changed", edited(repository, most))
    assert said.code == code
    assert {0: "fine.", 6: "needs approval.", 4: "refused."}[int(code)] in said.out
    assert ("see the plan" in said.err) == (code is not ExitCode.OK)


def test_a_comment_and_a_page_are_written_at_once_without_a_ledger(bare: World, repository: Repository) -> None:
    revisions = edited(repository, 60_000)
    said = bare.herold(
        "plan", "--changed", revisions, "-o", "markdown", "--output", "comment.md", "--page", "page.html"
    )
    assert (said.code, said.out) == (6, "")
    assert (bare.folder / "comment.md").read_text().startswith("<!-- herold plan -->")
    assert (bare.folder / "page.html").read_text().startswith("<!DOCTYPE html>")
    assert not (bare.state / "postgresql").exists()


def test_json_stands_alone_on_standard_output(bare: World, repository: Repository) -> None:
    said = bare.herold("plan", "--changed", edited(repository, 200_000), "-o", "json")
    assert (said.code, said.json["verdict"]) == (4, "Refused")
    assert said.json["campaigns"][0]["notes"][0]["reason"] == "herold-audience-bound"


def test_a_reader_of_the_ledger_gets_counts_without_the_installations_key(world: World) -> None:
    repository = started(world.folder)
    database = world.database
    (world.state / "key").unlink()
    with world.ledger() as owner, login(owner, READER) as url:
        add_people(owner, [f"{CANARY}-{number}@mail.example" for number in range(30)])
        before = world.trace()
        world.database = url
        said = world.herold("plan", "--changed", edited(repository, 40_000))
        world.database = database
    assert said.code == 0, said
    assert "30 people get this" in said.out
    assert CANARY not in said.out
    assert world.trace() == before
    assert not (world.state / "key").exists()


def test_the_ledger_of_another_environment_is_refused(world: World) -> None:
    repository = started(world.folder)
    world.environ["HEROLD_ENVIRONMENT"] = "prod"
    said = world.herold("plan", "--changed", edited(repository, 40_000))
    assert (said.code, "EnvironmentMismatch" in said.err) == (4, True)


def test_without_policies_it_says_that_nothing_was_judged(bare: World) -> None:
    repository = started(bare.folder)
    said = bare.herold("plan", "--changed", edited(repository, 60_000))
    assert said.code == 0
    assert "no policies were asked" in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--changed", "main..HEAD", "hello"), "--changed goes without CAMPAIGN"),
        (("--changed", "main..HEAD", "--real-samples"), "--changed goes without CAMPAIGN"),
        (("hello",), "name a CAMPAIGN and its --files"),
        ((), "name a CAMPAIGN and its --files"),
        (("hello", "-f", ".", "--page", "x.html"), "--page and --policies go with --changed"),
    ],
)
def test_what_does_not_go_together_is_said(bare: World, arguments: tuple[str, ...], words: str) -> None:
    said = bare.herold("plan", *arguments)
    assert (said.code, words in said.err) == (2, True), said


def test_a_revision_that_is_none_and_a_folder_without_git_are_named(bare: World, tmp_path: Path) -> None:
    assert bare.herold("plan", "--changed", "main..HEAD").code == 3
    started(bare.folder)
    said = bare.herold("plan", "--changed", "nowhere..HEAD")
    assert (said.code, "no revision 'nowhere'" in said.err) == (3, True)
