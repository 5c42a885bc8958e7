"""Every process exports what its catalogue declares and nothing else; labels have few values."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from herold.metrics import Distribution, Metric
from herold_operator import metrics as operator
from herold_operator.health import Health
from herold_reader.metrics import Metrics
from herold_reader.metrics_page import CATALOGUES, metrics_page
from parts.exposition import check_declared

ALL = [metric for _, catalogue in CATALOGUES.values() for metric in catalogue]
# What a platform has a few dozen of. A campaign, a person, a domain is none of them.
LABELS = {
    *("sender", "lane", "kind", "state", "scope", "end"),
    *("outcome", "class", "answer", "statement", "permanent", "ask", "code"),
    "reason",
}


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: str(metric.name))
def test_a_name_has_the_form_of_its_kind_and_labels_are_few(metric: Metric) -> None:
    assert metric.name.startswith(("herold_", "process_"))
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(metric.buckets)
    assert set(metric.labels) <= LABELS
    assert metric.says.endswith(".")
    assert f"| `{metric.name}` |" in metrics_page()


@pytest.mark.parametrize("process", CATALOGUES)
def test_a_name_is_declared_once(process: str) -> None:
    names = [metric.name for metric in CATALOGUES[process][1]]
    assert len(names) == len(set(names))


def test_the_operator_exports_what_it_declares_and_before_it_leads_nothing_that_only_a_leader_knows() -> None:
    health = Health()
    health.visits.labels("Campaign").observe(0.1)
    health.failures.labels("Campaign").inc()
    health.events.labels("posted").inc()
    alone = check_declared(generate_latest(health.registry).decode(), operator.CATALOGUE)
    assert {"herold_operator_leading", "herold_operator_watch_age_seconds", "process_cpu_seconds_total"} <= alone
    assert not {operator.REGRESSED.name, operator.UNCERTAIN.name, operator.QUEUE.name, operator.CAMPAIGNS.name} & alone
    health.reading = {
        metric: {tuple("x" for _ in metric.labels): 1.0} for metric in operator.CATALOGUE if metric.name not in alone
    }
    everything = check_declared(generate_latest(health.registry).decode(), operator.CATALOGUE)
    assert everything == {metric.name for metric in operator.CATALOGUE}


def test_the_read_service_exports_what_it_declares() -> None:
    metrics = Metrics()
    metrics.requests.labels("plan", "200").inc()
    metrics.seconds.labels("plan").observe(0.1)
    metrics.at_work.labels("plan").inc()
    _, catalogue = CATALOGUES["read service"]
    assert check_declared(generate_latest(metrics.registry).decode(), catalogue) == {each.name for each in catalogue}


def test_a_histogram_counts_each_value_in_the_first_bucket_that_holds_it() -> None:
    seen = Distribution(Metric("x", "histogram", "", (), (1.0, 5.0)))
    for each in (0.0, 1.0, 1.5, 5.0, 7.0):
        seen.add(each)
    assert seen.cumulated() == [("1", 2.0), ("5", 4.0), ("+Inf", 5.0)]
    assert seen.total == 14.5
