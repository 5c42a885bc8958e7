"""Workflows of GitHub call make and nothing of their own, and give nobody more rights than they need."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
FILES = sorted(WORKFLOWS.glob("*.yaml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def steps(file: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(file.read_text())["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_workflow_runs_targets_that_exist(file: Path) -> None:
    runs = [step["run"] for step in steps(file) if "run" in step]
    assert runs
    for run in runs:
        if not run.startswith("echo "):
            assert run.split()[0] == "make"
            assert run.split()[1] in TARGETS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_workflow_uses_others_by_their_commit_and_reads_only(file: Path) -> None:
    for step in steps(file):
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
    content = yaml.safe_load(file.read_text())
    assert content["permissions"] == {"contents": "read"}
    for job in content["jobs"].values():
        assert set(job.get("permissions", {}).items()) <= {("contents", "read"), ("pull-requests", "write")}


def test_the_plan_never_checks_out_what_a_pull_request_brings() -> None:
    """`pull_request_target` knows secrets: code of a pull request must not run there."""
    text = (WORKFLOWS / "plan.yaml").read_text()
    content = yaml.safe_load(text)
    assert "pull_request_target" in content[True]  # YAML 1.1 reads the key `on` so
    checkouts = [step for step in steps(WORKFLOWS / "plan.yaml") if "checkout" in step.get("uses", "")]
    assert [set(step["with"]) for step in checkouts] == [{"fetch-depth"}]
    assert "head.ref" not in text
    assert "head.sha" not in text


def test_a_proof_is_started_by_a_person_and_checks_out_nothing_of_a_pull_request() -> None:
    content = yaml.safe_load((WORKFLOWS / "proof.yaml").read_text())
    assert list(content[True]) == ["workflow_dispatch"]
    assert content["jobs"]["proof"]["environment"] == "campaign-proof"
    assert "secrets." not in (WORKFLOWS / "proof.yaml").read_text()
    checkouts = [step for step in steps(WORKFLOWS / "proof.yaml") if "checkout" in step.get("uses", "")]
    assert [set(step["with"]) for step in checkouts] == [{"fetch-depth"}]


# A stand-in for GitHub's own tool, which is not here: it writes down what it is asked for, and knows one comment.
GH = """#!/bin/sh
echo "$*" >> "$ASKED"
case "$*" in *--paginate*) cat "$KNOWN";; esac
"""


@pytest.mark.parametrize("what", ["plan", "proof"])
@pytest.mark.parametrize("known", ["", "11\n12\n"])
def test_a_comment_is_put_over_the_one_before_of_its_kind(what: str, known: str, tmp_path: Path) -> None:
    gh = tmp_path / "gh"
    gh.write_text(GH)
    gh.chmod(0o755)
    (tmp_path / "known").write_text(known)
    environ = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "ASKED": str(tmp_path / "asked"),
        "KNOWN": str(tmp_path / "known"),
        "PULL": "7",
    }
    subprocess.run(["make", "--no-print-directory", f"{what}-comment"], cwd=ROOT, env=environ, check=True)
    looked, put = (tmp_path / "asked").read_text().splitlines()
    assert "repos/{owner}/{repo}/issues/7/comments" in looked
    assert f"<!-- herold {what} -->" in looked
    how = "PATCH repos/{owner}/{repo}/issues/comments/12" if known else "POST repos/{owner}/{repo}/issues/7/comments"
    assert f"--method {how} --field body=@build/{what}/comment.md" in put


def test_what_a_pull_request_brings_is_never_part_of_a_command() -> None:
    for file in FILES:
        for step in steps(file):
            assert "${{" not in step.get("run", "")
