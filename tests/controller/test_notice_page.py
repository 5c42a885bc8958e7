"""docs/how-to/hear-of-campaigns.md: its example is what arrives, and its script does what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import timedelta
from pathlib import Path

from controller.test_notice_plans import NOW, about, run, status
from herold_operator.courier import FIRST_PAUSE
from herold_operator.notice_body import NoticeType
from herold_operator.notices import MOST_A_DAY, Facts, facts_of, plan_notices
from herold_operator.receivers import SECRET, mistakes_of
from herold_operator.webhook import POST_SECONDS
from parts.kubernetes import ROOT

PAGE = (ROOT / "docs/how-to/hear-of-campaigns.md").read_text()
CAMPAIGN = "kind: Campaign\nmetadata:\n  name: spring-sale\n  namespace: campaigns-shop\n"


def block(language: str, words: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (one,) = [each for each in found if words in each]
    return str(one)


def test_the_example_has_the_fields_of_a_notice_and_its_words() -> None:
    closed = NOW + timedelta(seconds=757)
    over = run(started_at=NOW, closed_at=closed, left_out={"NoConsent": 3000, "Suppressed": 104}, failed=12, skipped=9)
    seen = about(run=over, environment="prod", name="spring-sale")
    notices, _ = plan_notices(Facts(started=True, run=7), facts_of(status("Completed", 7, started=True)), seen)
    made, shown = json.loads(notices[-1].body), json.loads(block("json", "campaign.completed"))
    assert set(made) == set(shown)
    assert set(made["data"]) == set(shown["data"])
    assert set(made["data"]["counts"]) == set(shown["data"]["counts"])
    assert made["text"].replace(": 0 sent", ": 48,190 sent") == shown["text"]


def test_the_file_that_it_declares_is_one() -> None:
    declared = re.search(r"^(\{\"url\".*\})$", block("console", SECRET), re.MULTILINE)
    assert declared is not None
    content = json.loads(declared[1].replace("$secret", "whsec_" + "A" * 44))
    assert list(mistakes_of(content)) == []


def test_numbers_and_types_in_it_are_those_of_the_code() -> None:
    assert f"within {POST_SECONDS:g} seconds" in PAGE
    assert f"after {FIRST_PAUSE:g} s, {FIRST_PAUSE * 4:g} s, {FIRST_PAUSE * 16:g} s" in PAGE
    assert f"has {MOST_A_DAY} a day" in PAGE
    assert set(re.findall(r"campaign\.[a-z_]+", PAGE)) <= set(NoticeType)


def test_the_script_finds_the_commit_of_the_campaign_and_sets_its_status(tmp_path: Path) -> None:
    repository, team = tmp_path / "repository", tmp_path / "repository/gitops/campaigns/test/shop"
    team.mkdir(parents=True)
    commands = tmp_path / "bin"
    commands.mkdir()
    # A stand-in for GitHub's client: it writes down what it was asked.
    (commands / "gh").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{tmp_path}/asked\n')
    (commands / "gh").chmod(0o755)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        **{"PATH": f"{commands}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        **{"environment": "test", "namespace": "campaigns-shop", "name": "spring-sale"},
        **{"type": "campaign.completed", "text": "campaigns-shop/spring-sale (test): done."},
    }

    def ask(*words: str) -> str:
        done = subprocess.run(words, cwd=repository, env=environ, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(file: str, content: str) -> str:
        (team / file).write_text(content)
        ask("git", "add", ".")
        ask("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", file)
        return ask("git", "rev-parse", "HEAD")

    ask("git", "init", "-q")
    wanted = commit("sale.yaml", CAMPAIGN)
    commit("template.yaml", CAMPAIGN.replace("Campaign", "MessageTemplate"))
    commit("other.yaml", CAMPAIGN.replace("spring-sale", "spring-sale-2"))
    ask("bash", "-euo", "pipefail", "-c", block("sh", "gh api"))
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[1] == f"repos/{{owner}}/{{repo}}/statuses/{wanted}"
    assert "state=success" in asked
    assert "context=herold/test/spring-sale" in asked
