"""What the read service exports. docs/reference/metrics.md is generated from this catalogue.

`ask` is what was asked for (plan, report, explain, deliveries, hold, or other), `code` that of HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from herold.metrics import Metric, counter, gauge, histogram, process_metrics

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
REQUESTS = Metric("herold_reader_requests_total", "counter", "Questions, by answer.", ("ask", "code"))
SECONDS = Metric("herold_reader_seconds", "histogram", "How long an answer took.", ("ask",), _SECONDS)
AT_WORK = Metric("herold_reader_at_work", "gauge", "Questions at work, or waiting.", ("ask",))
CATALOGUE = (REQUESTS, SECONDS, AT_WORK, *process_metrics())


@dataclass(slots=True)
class Metrics:
    """What is counted."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    requests: Counter = field(init=False)
    seconds: Histogram = field(init=False)
    at_work: Gauge = field(init=False)

    def __post_init__(self) -> None:
        self.requests = counter(REQUESTS, self.registry)
        self.seconds = histogram(SECONDS, self.registry)
        self.at_work = gauge(AT_WORK, self.registry)
        ProcessCollector(registry=self.registry)
