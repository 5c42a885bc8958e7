"""The service as a whole: connections, listeners, until it is told to stop."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import generate_latest

from herold.journal import Journal
from herold.settings import Settings
from herold_operator.api import KubernetesApi, load_configuration
from herold_operator.ledger import Ledger
from herold_reader.answers import Desk
from herold_reader.certificate import server_context
from herold_reader.gates import BRAKING, READING
from herold_reader.metrics import Metrics
from herold_reader.protocol import SERVICE
from herold_reader.serving import HEADER_BYTES, Service
from herold_reader.settings import ReaderSettings

_STOP_SECONDS = 10.0
_ANSWER_SECONDS = 5.0  # beyond what a statement may take: then the server hangs


async def serve(settings: Settings, own: ReaderSettings, journal: Journal, stop: asyncio.Event) -> None:
    """Be the service until `stop`; what is being answered then is finished within seconds."""
    session = f"SET default_transaction_read_only = on; SET statement_timeout = {round(own.statement_seconds * 1000)}"
    said = session.encode()
    patience = own.statement_seconds + _ANSWER_SECONDS
    reading = Ledger(settings, application=SERVICE, threads=READING, session=said, answer_seconds=patience)
    braking = Ledger(settings, application=SERVICE, threads=BRAKING, session=said, answer_seconds=patience)
    api = KubernetesApi(await load_configuration(), SERVICE)
    service = Service(Desk(api, reading, braking, settings), own, journal)
    context = server_context(datetime.datetime.now(datetime.UTC))
    try:
        async with (
            _listening(service.application(), own.client_seconds) as questions,
            _listening(health_application(service.metrics), own.client_seconds) as health,
        ):
            site = web.TCPSite(questions, own.host or None, own.port, ssl_context=context)
            await site.start()
            if own.health_port:
                await web.TCPSite(health, own.host or None, own.health_port).start()
            journal.write("info", "listening", port=own.port)
            await stop.wait()
    finally:
        await api.close()
        for ledger in (reading, braking):
            await asyncio.to_thread(ledger.close)


@asynccontextmanager
async def _listening(app: web.Application, client_seconds: float) -> AsyncIterator[web.AppRunner]:
    # `keepalive_timeout` ends connections too that never begin a question, or never end its head.
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=client_seconds,
        shutdown_timeout=_STOP_SECONDS,
        max_field_size=HEADER_BYTES,
    )
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()


def health_application(metrics: Metrics) -> web.Application:
    """/healthz and /metrics."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def told(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics.registry), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", told)
    return app
