"""What /metrics answered, read by prometheus_client's own parser."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families

from herold.metrics import Metric


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample, by its name and labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def value(text: str, name: str, **labels: str) -> float | None:
    """One sample, None where there is none."""
    return samples(text).get((name, tuple(sorted(labels.items()))))


def check_declared(text: str, catalogue: Iterable[Metric]) -> set[str]:
    """Nothing is exported that is not declared so: name, kind, labels. Names of the declared ones that were."""
    declared = {metric.name.removesuffix("_total"): metric for metric in catalogue}
    seen = set()
    for family in text_string_to_metric_families(text):
        assert family.name in declared, family.name
        metric = declared[family.name]
        assert family.type == metric.kind, family.name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels), sample
        seen.add(metric.name)
    return seen
