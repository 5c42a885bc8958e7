"""/healthz, /readyz and /metrics over HTTP. Names of metrics are stable, labels bounded: no campaign, no person.

A replica that stands by is healthy too. One that leads is not when it looked at nothing for a minute (its event loop or
its threads are stuck); none is when a watch has shown no sign of life for much longer than the API server lets pass
between two bookmarks: a new process is better. Ready is who can lead at once: it was answered when it asked for the
Lease, and has listed everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from herold.metrics import CONTENT_TYPE, Reading, counter, families, gauge, histogram
from herold_operator import metrics as m

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

STUCK_SECONDS = 60.0
STALE_SECONDS = 240.0


@dataclass(slots=True, eq=False)
class Health:
    """What the operator knows of itself."""

    registry: CollectorRegistry = field(default_factory=lambda: CollectorRegistry(auto_describe=False))
    clock: Callable[[], float] = time.monotonic
    beat_at: float | None = None
    heard_at: dict[str, float] = field(default_factory=dict)
    asked: bool = False  # the API server answered when it was asked for the Lease
    listed: bool = False  # it knows everything
    reading: Reading = field(default_factory=dict)  # what only the leader knows, as of its last tick
    leading: Gauge = field(init=False)
    visits: Histogram = field(init=False)
    failures: Counter = field(init=False)
    missed: Counter = field(init=False)
    events: Counter = field(init=False)
    notices: Counter = field(init=False)
    notice_since: float | None = None  # when the notice was recorded that has waited longest; None: none waits

    def __post_init__(self) -> None:
        to = self.registry
        self.leading = gauge(m.LEADING, to)
        self.visits = histogram(m.VISITS, to)
        self.failures = counter(m.FAILURES, to)
        gauge(m.WATCH_AGE, to).set_function(self.watch_age)
        self.missed = counter(m.MISSED, to)
        self.events = counter(m.EVENTS, to)
        self.notices = counter(m.NOTICES, to)
        gauge(m.NOTICE_AGE, to).set_function(self.notice_age)
        to.register(self)
        ProcessCollector(registry=to)

    def collect(self) -> Iterable[Family]:
        """For the registry."""
        return families(self.reading)

    def lead(self) -> None:
        """This replica leads from now on."""
        self.leading.set(1)

    def beat(self) -> None:
        """The leader looked at everything once more."""
        self.beat_at = self.clock()

    def hear(self, plural: str) -> None:
        """Something arrived on the watch of that kind, or it was opened for the first time."""
        self.heard_at[plural] = self.clock()

    def watch_age(self) -> float:
        """Seconds since the watch that was silent longest showed that it lives; 0 where nothing is watched."""
        return max((self.clock() - at for at in self.heard_at.values()), default=0.0)

    def notice_age(self) -> float:
        """Seconds since then; 0 where none waits."""
        return 0.0 if self.notice_since is None else self.clock() - self.notice_since

    def trouble(self) -> str:
        """What is wrong with this process, '' when it is well. See the module's words."""
        if self.beat_at is not None and self.clock() - self.beat_at > STUCK_SECONDS:
            return "stuck"
        return "watch stale" if self.watch_age() > STALE_SECONDS else ""

    def waits_for(self) -> str:
        """What it is not ready for, '' when it is."""
        if not self.asked:
            return "was not answered yet when it asked for the Lease"
        return "" if self.listed else "has not listed everything yet"


def _answer(trouble: str) -> web.Response:
    return web.Response(text=f"{trouble or 'ok'}\n", status=500 if trouble else 200)


async def serve_health(health: Health, port: int) -> web.AppRunner:
    """Serve until the runner's `cleanup`."""

    async def healthz(_: web.Request) -> web.Response:
        return _answer(health.trouble())

    async def readyz(_: web.Request) -> web.Response:
        return _answer(health.waits_for())

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(health.registry), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
