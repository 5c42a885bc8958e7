"""/healthz, /readyz and /metrics of a worker, from a thread of its own: it answers also when the event loop is stuck.

Alive: the loop came round within a minute. Ready: the lease lasts, so that messages may be begun. A ledger that is away
makes a worker unready and leaves it alive: a new process would not reach it either.
"""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from herold.errors import HeroldError
from herold.metrics import CONTENT_TYPE, families
from herold.worker.figures import Figures

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

STUCK_SECONDS = 60.0
_REQUEST_SECONDS = 5.0
_MOST_AT_ONCE = 8


class HealthServer:
    """Serves from `start` to `stop`. Raises HeroldError when the port is taken. Port 0: one that is free."""

    def __init__(self, figures: Figures, evidence: Path, port: int) -> None:
        # Here, because a worker that exports nothing has no need of it.
        from prometheus_client import CollectorRegistry, ProcessCollector

        self._figures = figures
        self._evidence = evidence
        self._began = time.monotonic()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        try:
            self._server = _Server(port, self)
        except OSError as error:
            raise HeroldError(
                f"port {port} can't be used for /healthz and /metrics: {error.strerror}",
                hint="set HEROLD_WORKER_HEALTH_PORT to a free one, or to 0",
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.socket.getsockname()[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def is_alive(self, now: float) -> bool:
        """Whether the loop comes round; `now` is monotonic. It gets as long to begin."""
        return now - (self._figures.beat_at or self._began) < STUCK_SECONDS

    def is_ready(self, now: float) -> bool:
        """Whether messages may be begun."""
        return now < self._figures.lease_until

    def collect(self) -> Iterable[Family]:
        """For prometheus_client's registry."""
        return families(self._figures.reading(time.monotonic(), self._evidence))

    def exposition(self) -> bytes:
        """What /metrics answers."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, health: HealthServer) -> None:
        self.health = health
        self._seats = threading.BoundedSemaphore(_MOST_AT_ONCE)
        super().__init__(("", port), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = _listen(port)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._seats.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._seats.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not worth a traceback."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_SECONDS
    server: _Server

    def do_GET(self) -> None:
        health, now = self.server.health, time.monotonic()
        match self.path.partition("?")[0]:
            case "/healthz":
                self._answer(*((200, b"ok\n") if health.is_alive(now) else (500, b"stuck\n")))
            case "/readyz":
                self._answer(*((200, b"ok\n") if health.is_ready(now) else (503, b"no lease\n")))
            case "/metrics":
                self._answer(200, health.exposition(), CONTENT_TYPE)
            case _:
                self._answer(404, b"/healthz, /readyz, /metrics\n")

    def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called where it comes from
        """Nobody reads who asked for it."""


def _listen(port: int) -> socket.socket:
    """On all addresses, as a pod must: of both families where the machine has both."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):  # the kernel has none after all
                raise
    return socket.create_server(("", port))
