"""/healthz and /metrics over HTTP. Names of metrics are stable, labels bounded: no campaign, no person.

A replica that stands by is healthy too. One that leads is not when it looked at nothing for a minute: its event
loop or its threads are stuck, and a new process is better.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

STUCK_SECONDS = 60.0


@dataclass(slots=True)
class Health:
    """What the operator knows of itself."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    beat_at: float | None = None
    leading: Gauge = field(init=False)
    queue: Gauge = field(init=False)
    visits: Histogram = field(init=False)
    failures: Counter = field(init=False)
    away: Gauge = field(init=False)
    missed: Counter = field(init=False)
    campaigns: Gauge = field(init=False)
    uncertain: Gauge = field(init=False)
    regressed: Gauge = field(init=False)
    events: Counter = field(init=False)

    def __post_init__(self) -> None:
        to = self.registry
        self.leading = Gauge("herold_operator_leading", "1 on the replica that leads.", registry=to)
        self.queue = Gauge("herold_operator_queue_length", "Resources that wait for a visit.", registry=to)
        self.visits = Histogram("herold_operator_visit_seconds", "How long a visit took.", ["kind"], registry=to)
        self.failures = Counter("herold_operator_visit_failures", "Visits that failed.", ["kind"], registry=to)
        self.away = Gauge("herold_operator_ledger_away_seconds", "How long the ledger has not answered.", registry=to)
        self.missed = Counter(
            "herold_operator_watch_missed", "Changes that a list found and the watch had not told.", registry=to
        )
        self.campaigns = Gauge("herold_campaigns", "Campaigns by state.", ["state"], registry=to)
        self.uncertain = Gauge("herold_runs_uncertain", "People possibly not reached, in all known runs.", registry=to)
        self.regressed = Gauge("herold_ledger_regressed", "1 while the ledger went backwards.", registry=to)
        self.events = Counter(
            "herold_operator_events", "Kubernetes Events by what became of them.", ["end"], registry=to
        )

    def beat(self) -> None:
        """The leader looked at everything once more."""
        self.beat_at = time.monotonic()

    def is_well(self) -> bool:
        """See the module's words."""
        return self.beat_at is None or time.monotonic() - self.beat_at < STUCK_SECONDS


async def serve_health(health: Health, port: int) -> web.AppRunner:
    """Serve until the runner's `cleanup`."""

    async def healthz(_: web.Request) -> web.Response:
        well = health.is_well()
        return web.Response(text="ok\n" if well else "stuck\n", status=200 if well else 500)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(health.registry), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
