"""Promotion: the next environment gets the digests of the one before it, as one commit, and nothing else."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from herold_delivery.promote import ENVIRONMENTS, main

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
NONE = f"sha256:{'0' * 64}"
OVERLAY = """\
# Herold in {environment}; a comment that stays.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../base]   # as somebody likes it
images:
- name: localhost/herold
  newName: registry.example/{environment}/herold
  digest: {digest}  # by make promote
- {{digest: "{other}", name: localhost/relay}}
patches:
- patch: |
    digest: {digest}
"""


class Checkout:
    """A repository with overlays of one workload, committed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q", "-b", "main")
        for name, value in (("user.name", "t"), ("user.email", "t@example.com"), ("commit.gpgsign", "false")):
            self.git("config", name, value)

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def path(self, environment: str, workload: str = "herold") -> Path:
        return self.folder / "gitops" / "apps" / workload / "overlays" / environment / "kustomization.yaml"

    def write(self, environment: str, text: str, workload: str = "herold") -> None:
        path = self.path(environment, workload)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a step")
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def promote(self, source: str, target: str, *more: str) -> int:
        return main([source, target, "--root", str(self.folder), *more])


def overlay(environment: str, digest: str, other: str = C) -> str:
    return OVERLAY.format(environment=environment, digest=digest, other=other)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    for environment, digest in zip(ENVIRONMENTS, (A, B, B), strict=True):
        made.write(environment, overlay(environment, digest))
    made.commit()
    return made


def test_the_next_environment_gets_the_digest_and_nothing_else_changes(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    before = checkout.path("staging").read_text()
    assert checkout.promote("test", "staging") == 0
    first, found, rest = before.partition(B)  # the patch below it has the same words, and keeps them
    assert checkout.path("staging").read_text() == first + A + rest
    assert found
    assert checkout.git("status", "--porcelain") == ""
    assert checkout.git("diff", "--name-only", "HEAD~1") == "gitops/apps/herold/overlays/staging/kustomization.yaml"
    message = checkout.git("log", "-1", "--format=%B")
    assert message.startswith("staging runs what test has run: localhost/herold at sha256:aaaaaaaaaaaa")
    assert f"localhost/herold: {A} (was {B})" in message
    assert "not pushed" in capsys.readouterr().out


def test_quotes_and_ends_of_lines_stay(checkout: Checkout) -> None:
    checkout.write("test", overlay("test", B, other=A))
    path = checkout.path("staging")
    before = path.read_text().replace("\n", "\r\n").encode()
    path.write_bytes(before)
    checkout.commit()
    assert checkout.promote("test", "staging") == 0
    assert path.read_bytes() == before.replace(C.encode(), A.encode())


def test_it_goes_on_step_by_step_through_all_environments(checkout: Checkout) -> None:
    assert checkout.promote("test", "staging") == 0
    assert checkout.promote("staging", "prod") == 0
    assert A in checkout.path("prod").read_text()


def test_all_workloads_go_together_in_one_commit(checkout: Checkout) -> None:
    for environment, digest in zip(ENVIRONMENTS, (C, B, B), strict=True):
        checkout.write(environment, overlay(environment, digest, other=digest), "collector")
    base = checkout.commit()
    assert checkout.promote("test", "staging") == 0
    assert checkout.git("rev-list", "--count", f"{base}..HEAD") == "1"
    assert checkout.git("log", "-1", "--format=%s").endswith("and 2 more")
    assert len(checkout.git("diff", "--name-only", base).splitlines()) == 2


def test_nothing_to_do_is_said_and_is_no_failure(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    head = checkout.head()
    assert checkout.promote("staging", "prod") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert checkout.head() == head


def test_a_dry_run_shows_what_would_change_and_changes_nothing(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    head, before = checkout.head(), checkout.path("staging").read_text()
    checkout.write("prod", overlay("prod", C))  # not committed: nothing is written, so that is in nobody's way
    assert checkout.promote("test", "staging", "--dry-run") == 0
    diff = capsys.readouterr().out
    assert [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")] == [
        f"-  digest: {B}  # by make promote",
        f"+  digest: {A}  # by make promote",
    ]
    assert (checkout.head(), checkout.path("staging").read_text()) == (head, before)


@pytest.mark.parametrize(
    ("source", "target", "code", "words"),
    [
        ("test", "prod", 4, "goes to staging, not to prod"),
        ("staging", "test", 4, "goes to prod, not to test"),
        ("prod", "test", 4, "goes to nowhere else"),
        ("test", "test", 4, "goes to staging"),
        ("tset", "production", 3, "2 mistakes"),
    ],
)
def test_no_environment_is_left_out_and_none_is_guessed(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], source: str, target: str, code: int, words: str
) -> None:
    head = checkout.head()
    assert checkout.promote(source, target) == code
    assert words in capsys.readouterr().err
    assert checkout.head() == head


@pytest.mark.parametrize("digest", [NONE, "latest", "sha256:abc", f"sha256:{'A' * 64}", f"sha512:{'a' * 64}", '""'])
def test_what_is_no_digest_goes_nowhere(checkout: Checkout, capsys: pytest.CaptureFixture[str], digest: str) -> None:
    checkout.write("test", overlay("test", digest))
    head = checkout.commit()
    assert checkout.promote("test", "staging") == 3
    assert "digest" in capsys.readouterr().err
    assert checkout.head() == head


def test_every_mistake_of_every_file_is_named(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.write("test", overlay("test", "latest", other=NONE))
    checkout.write("staging", "images: [\n")
    checkout.write("test", "resources: []\n", "collector")
    checkout.write("staging", "images: [{name: a, digest: b}, {newTag: c}, {name: a}]\n", "collector")
    checkout.commit()
    assert checkout.promote("test", "staging") == 3
    said = capsys.readouterr().err
    for words in (
        "'latest' is no digest",
        "nothing but zeros",
        "is not YAML",
        "images: is not there",
        "has no name",
        "twice",
    ):
        assert words in said


def test_an_image_without_an_entry_or_a_digest_there_is_not_guessed(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.write("staging", "images:\n- name: localhost/herold\n  newTag: latest\n")
    checkout.commit()
    assert checkout.promote("test", "staging") == 3
    said = capsys.readouterr().err
    assert "images.localhost/herold: has no digest to be replaced" in said
    assert "images.localhost/relay: has no entry here" in said


def test_a_dirty_work_tree_is_left_as_it_is(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout.folder / "notes").write_text("nobody's business\n")  # is in no commit, and comes into none
    checkout.write("prod", overlay("prod", C))
    head, before = checkout.head(), checkout.path("staging").read_text()
    assert checkout.promote("test", "staging") == 4
    assert "overlays/prod/kustomization.yaml is not committed" in capsys.readouterr().err
    assert (checkout.head(), checkout.path("staging").read_text()) == (head, before)
    checkout.git("checkout", "-q", ".")
    assert checkout.promote("test", "staging") == 0
    assert checkout.git("status", "--porcelain") == "?? notes"


def test_a_commit_that_is_refused_leaves_nothing_behind(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    hook = checkout.folder / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    assert checkout.promote("test", "staging") == 1
    assert "not today" in capsys.readouterr().err
    assert checkout.git("status", "--porcelain") == ""


def test_a_folder_without_overlays_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "staging", "--root", str(tmp_path)]) == 3
    assert "gitops/apps: has no overlays" in capsys.readouterr().err
