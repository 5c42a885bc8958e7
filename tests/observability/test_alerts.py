"""Alert rules: they fire when they should and are quiet otherwise; each has a runbook; each metric exists."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from herold_operator.alerts import RULES, WRAPPED, build_prometheus_rule, main, read_rules
from herold_reader.metrics_page import CATALOGUES
from observability.scenarios import SCENARIOS, Scenario
from parts.promtool import promtool

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in read_rules(ROOT)["groups"] for rule in group["rules"]
}
EVERY_ALERT = pytest.mark.parametrize("alert", ALERTS)
METRICS = {metric.name: metric for _, catalogue in CATALOGUES.values() for metric in catalogue}
HEADINGS = ("What it means", "What the customer notices", "Look", "Do", "Afterwards", "Who to tell")
# Names that Prometheus itself makes of a histogram.
PARTS = ("_bucket", "_count", "_sum")


def metrics_in(expression: str) -> set[str]:
    """Names of Herold's metrics in an expression."""
    return set(re.findall(r"\bherold_[a-z_]+", expression))


def unit_test(scenario: Scenario) -> dict[str, Any]:
    """The scenario as promtool reads it."""
    rule = ALERTS[scenario.alert]
    expected = [
        {
            "exp_labels": {**rule["labels"], **labels},
            "exp_annotations": {**rule["annotations"], "summary": scenario.says},
        }
        for labels in scenario.fires
    ]
    return {
        "name": f"{scenario.alert}: {scenario.name}",
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in scenario.series.items()],
        "alert_rule_test": [
            {"eval_time": f"{scenario.minute}m", "alertname": scenario.alert, "exp_alerts": expected},
        ],
    }


def test_prometheus_accepts_the_rules() -> None:
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", ROOT / RULES)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: f"{each.alert}-{each.name.replace(' ', '-')}")
def test_an_alert_fires_when_it_should_and_then_only(scenario: Scenario, tmp_path: Path) -> None:
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(ROOT / RULES)], "tests": [unit_test(scenario)]}))
    promtool("test", "rules", path)


@EVERY_ALERT
def test_there_is_a_case_in_which_it_fires_and_one_in_which_it_does_not(alert: str) -> None:
    assert {bool(each.fires) for each in SCENARIOS if each.alert == alert} == {True, False}


def test_every_case_is_of_an_alert_that_exists() -> None:
    assert {each.alert for each in SCENARIOS} == set(ALERTS)


@EVERY_ALERT
def test_it_says_how_bad_it_is_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    kebab = re.sub(r"(?<!^)(?=[A-Z])", "-", alert.removeprefix("Herold")).lower()
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{kebab}.md"
    for text in rule["annotations"].values():
        assert "$labels.campaign" not in text


@EVERY_ALERT
def test_it_looks_at_metrics_and_labels_that_are_exported(alert: str) -> None:
    expression = ALERTS[alert]["expr"]
    names = metrics_in(expression)
    assert names
    assert names <= set(METRICS), names - set(METRICS)
    labels = {label for name in names for label in METRICS[name].labels} | {"instance"}
    text = str(ALERTS[alert]["annotations"]) + expression
    used = set(re.findall(r"\$labels\.(\w+)", text)) | set(re.findall(r"(?:by|on) \(([\w, ]+)\)", text))
    assert {each for group in used for each in re.split(r",\s*", group)} <= labels


@EVERY_ALERT
def test_its_runbook_is_complete_and_in_the_table(alert: str) -> None:
    path = ROOT / ALERTS[alert]["annotations"]["runbook_url"]
    text = path.read_text()
    assert text.startswith(f"# {alert}\n")
    headings = tuple(re.findall(r"^## (.+)$", text, re.MULTILINE))
    assert headings == HEADINGS
    for heading, section in zip(headings, re.split(r"^## .+$", text, flags=re.MULTILINE)[1:], strict=True):
        assert section.strip(), heading
    look = text.partition("## Look")[2].partition("## Do")[0]
    assert re.search(r"^\$ ", look, re.MULTILINE), "a command to look with"
    severity = ALERTS[alert]["labels"]["severity"]
    (row,) = [line for line in (RUNBOOKS / "README.md").read_text().splitlines() if f"[{alert}]({path.name})" in line]
    assert f"| {severity} |" in row
    for name in metrics_in(text):
        known = {name, *(name.removesuffix(part) for part in PARTS)}
        assert known & set(METRICS), f"{path.name} speaks of {name}"


def test_there_is_no_runbook_without_an_alert() -> None:
    named = {ALERTS[alert]["annotations"]["runbook_url"].rpartition("/")[2] for alert in ALERTS}
    assert {path.name for path in RUNBOOKS.glob("*.md")} == named | {"README.md"}


def test_the_wrapped_rules_are_current_and_the_same_rules(tmp_path: Path) -> None:
    assert main(["--check", "--root", str(ROOT)]) == 0, "run `make generate`"
    wrapped = yaml.safe_load((ROOT / WRAPPED).read_text())
    assert (wrapped["apiVersion"], wrapped["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert wrapped["spec"] == read_rules(ROOT)
    bare = tmp_path / "rules.yaml"
    bare.write_text(yaml.safe_dump(wrapped["spec"]))
    promtool("check", "rules", bare)


def test_stale_wrapped_rules_are_noticed_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / RULES).parent.mkdir(parents=True)
    (tmp_path / RULES).write_text((ROOT / RULES).read_text())
    assert main(["--check", "--root", str(tmp_path)]) == 1
    assert "is stale" in capsys.readouterr().err
    assert main(["--root", str(tmp_path)]) == 0
    assert main(["--check", "--root", str(tmp_path)]) == 0


def test_runbooks_become_links_where_the_repository_is_browsed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(ROOT), "--runbooks", "https://git.example/herold/blob/main/"]) == 0
    printed: Mapping[str, Any] = yaml.safe_load(capsys.readouterr().out)
    for group in printed["spec"]["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"]["runbook_url"].startswith("https://git.example/herold/blob/main/docs/runbooks/")
    assert build_prometheus_rule(read_rules(ROOT))["spec"] == read_rules(ROOT)


def test_a_broken_rule_would_be_noticed(tmp_path: Path) -> None:
    broken = tmp_path / "rules.yaml"
    broken.write_text(
        textwrap.dedent(
            """
            groups:
            - name: herold
              rules:
              - {alert: X, expr: "max(herold_ledger_regressed >"}
            """
        )
    )
    with pytest.raises(AssertionError, match="parse error"):
        promtool("check", "rules", broken)
