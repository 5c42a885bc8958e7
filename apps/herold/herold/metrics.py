"""Metrics as they are declared: names that stay, labels with few values, what each says.

Each process has one catalogue of them, exports nothing else, and docs/reference/metrics.md is generated from these.
Labels are senders, lanes, kinds, states: a platform has a few dozen of each. Never a campaign, a person, a domain.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
    from prometheus_client.metrics_core import Metric as Family

Kind = Literal["counter", "gauge", "histogram"]
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. The name of a counter ends in `_total`; `buckets` are the upper bounds of a histogram's."""

    name: str
    kind: Kind
    says: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def process_metrics() -> tuple[Metric, ...]:
    """What prometheus_client reads of a process from /proc."""
    return (
        Metric("process_cpu_seconds_total", "counter", "Processor time, user and system."),
        Metric("process_resident_memory_bytes", "gauge", "Memory in use."),
        Metric("process_virtual_memory_bytes", "gauge", "Address space in use."),
        Metric("process_start_time_seconds", "gauge", "When it started, seconds since 1970."),
        Metric("process_open_fds", "gauge", "Open file descriptors."),
        Metric("process_max_fds", "gauge", "Most file descriptors that it may open."),
    )


def counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    """`metric` as something that counts."""
    from prometheus_client import Counter, disable_created_metrics

    disable_created_metrics()  # type: ignore[no-untyped-call] # they double the series
    return Counter(metric.name, metric.says, metric.labels, registry=registry)


def gauge(metric: Metric, registry: CollectorRegistry) -> Gauge:
    """`metric` as something that is set."""
    from prometheus_client import Gauge

    return Gauge(metric.name, metric.says, metric.labels, registry=registry)


def histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    """`metric` as something that observes."""
    from prometheus_client import Histogram, disable_created_metrics

    disable_created_metrics()  # type: ignore[no-untyped-call]
    return Histogram(metric.name, metric.says, metric.labels, buckets=metric.buckets, registry=registry)


class Distribution:
    """What a histogram counts. Added to by one thread, read by any."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, metric: Metric) -> None:
        self._bounds = metric.buckets
        self.counts = [0] * (len(metric.buckets) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """One observation."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def cumulated(self) -> list[tuple[str, float]]:
        """(upper bound, observations up to it), as the exposition has them."""
        counts, seen, found = [*self.counts], 0, []
        for bound, count in zip((*self._bounds, float("inf")), counts, strict=True):
            seen += count
            found.append(("+Inf" if bound == float("inf") else f"{bound:g}", float(seen)))
        return found


Values = Mapping[tuple[str, ...], float | Distribution]
Reading = Mapping[Metric, Values]


def families(reading: Reading) -> Iterator[Family]:
    """`reading` as prometheus_client has it. A metric without values is left out: nothing is known of it."""
    # Not at the top: whoever does not export has no need of it.
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    for metric, values in reading.items():
        if not values:
            continue
        if metric.kind == "histogram":
            histogram = HistogramMetricFamily(metric.name, metric.says, labels=metric.labels)
            for labels, each in values.items():
                assert isinstance(each, Distribution)
                histogram.add_metric(labels, buckets=each.cumulated(), sum_value=each.total)
            yield histogram
            continue
        family: CounterMetricFamily | GaugeMetricFamily
        if metric.kind == "counter":
            family = CounterMetricFamily(metric.name.removesuffix("_total"), metric.says, labels=metric.labels)
        else:
            family = GaugeMetricFamily(metric.name, metric.says, labels=metric.labels)
        for labels, each in values.items():
            assert not isinstance(each, Distribution)
            family.add_metric(labels, each)
        yield family


def table(metrics: Iterable[Metric]) -> list[str]:
    """Rows of the reference page."""
    rows = ["| metric | kind | labels | meaning |", "| --- | --- | --- | --- |"]
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.says} |")
    return rows
