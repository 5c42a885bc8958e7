"""What the read service counts. Names are stable, labels bounded: no campaign, no user, no person."""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


@dataclass(slots=True)
class Metrics:
    """`ask` is what was asked for (plan, report, explain, deliveries, hold, or other), `code` that of HTTP."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    requests: Counter = field(init=False)
    seconds: Histogram = field(init=False)
    at_work: Gauge = field(init=False)

    def __post_init__(self) -> None:
        to = self.registry
        self.requests = Counter("herold_reader_requests", "Questions, by answer.", ["ask", "code"], registry=to)
        self.seconds = Histogram("herold_reader_seconds", "How long an answer took.", ["ask"], registry=to)
        self.at_work = Gauge("herold_reader_at_work", "Questions at work, or waiting.", ["ask"], registry=to)
