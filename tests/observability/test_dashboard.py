"""The dashboard: of the form that Grafana knows, with queries that Prometheus can read, over metrics that exist.

Grafana itself does not run here: its own types (grafana-foundation-sdk, of Grafana 10.1) read the file, and what they
don't know is lost on the way.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from herold_reader.metrics_page import CATALOGUES
from parts.promtool import promtool

ROOT = Path(__file__).parents[2]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "operator/deploy/dashboards/herold.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
ROWS = ("Is it going well?", "What is slow?", "What is broken?")
METRICS = {metric.name: metric for _, catalogue in CATALOGUES.values() for metric in catalogue}
# What Prometheus makes of a histogram, and the alerts that it evaluates.
EXPORTED = {
    *(
        f"{name}{part}"
        for name, each in METRICS.items()
        if each.kind == "histogram"
        for part in ("_bucket", "_sum", "_count")
    ),
    *(name for name, each in METRICS.items() if each.kind != "histogram"),
}


def expressions() -> list[str]:
    """Every query of the dashboard, with its variables filled in."""
    found = [target["expr"] for panel in PANELS for target in panel.get("targets", ())]
    found += [each["expr"] for each in DASHBOARD["annotations"]["list"]]
    return [each.replace("$__rate_interval", "1m").replace("$sender", ".*") for each in found]


def lost(before: Any, after: Any, path: str = "") -> list[str]:
    """Places of `before` that are not in `after`, or otherwise."""
    if isinstance(before, dict):
        missing = [f"{path}/{key}" for key in before if not isinstance(after, dict) or key not in after]
        return missing + [
            each
            for key in before
            if f"{path}/{key}" not in missing
            for each in lost(before[key], after[key], f"{path}/{key}")
        ]
    if isinstance(before, list):
        if not isinstance(after, list) or len(before) != len(after):
            return [path]
        return [each for n, pair in enumerate(zip(before, after, strict=True)) for each in lost(*pair, f"{path}/{n}")]
    return [] if before == after else [path]


def read_by_grafana(dashboard: dict[str, Any]) -> Any:
    """What Grafana's types make of it."""
    plugins.register_default_plugins()
    return json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(dashboard)))


def test_grafanas_own_types_know_every_field() -> None:
    assert lost(DASHBOARD, read_by_grafana(DASHBOARD)) == []


def test_a_field_that_grafana_does_not_know_would_be_noticed() -> None:
    wrong = {**DASHBOARD, "panels": [{**PANELS[1], "titel": "x"}]}
    assert lost(wrong, read_by_grafana(wrong)) == ["/panels/0/titel"]


def test_it_answers_three_questions() -> None:
    assert tuple(panel["title"] for panel in PANELS if panel["type"] == "row") == ROWS
    assert {panel["type"] for panel in PANELS} == {"row", "stat", "timeseries", "table"}


def test_every_panel_says_what_it_shows_and_lies_beside_the_others() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["title"]
            assert panel["description"].endswith("."), panel["title"]
            assert panel["targets"], panel["title"]
            assert panel["datasource"]["uid"] == "${datasource}", panel["title"]


@pytest.mark.parametrize("expression", expressions())
def test_a_query_asks_for_metrics_and_labels_that_are_exported(expression: str) -> None:
    names = set(re.findall(r"\b((?:herold|process)_[a-z_]+)", expression))
    assert names <= EXPORTED, names - EXPORTED
    assert names or expression.startswith("ALERTS{")
    families = {name for name in names for name in (name, re.sub(r"_(bucket|sum|count)$", "", name)) if name in METRICS}
    labels = {label for name in families for label in METRICS[name].labels} | {"instance", "le"}
    for group in re.findall(r"(?:by|on) \(([\w, ]+)\)", expression):
        assert set(re.split(r",\s*", group)) <= labels, expression


def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"herold:q{number}", "expr": each} for number, each in enumerate(expressions())]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", path)


def test_every_alert_has_a_metric_on_it() -> None:
    shown = " ".join(expressions())
    rules = yaml.safe_load((ROOT / "operator/deploy/alerts/herold.rules.yaml").read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        for name in re.findall(r"\bherold_[a-z_]+", rule["expr"]):
            assert name in shown, f"{rule['alert']} looks at {name}"
