"""HTTPS to one server over connections that are kept: a handshake for each request costs more than most answers."""

from __future__ import annotations

import http.client
import select
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

PATIENCE = 60.0
IDLE_SECONDS = 30.0  # servers close what is idle for longer


class KeptConnections:
    """Connections to a port of loopback. `authority`: who signs its certificate; read when needed."""

    def __init__(self, port: int, authority: Path) -> None:
        self._port = port
        self._authority = authority
        self._idle: list[tuple[float, http.client.HTTPSConnection]] = []
        self._lock = threading.Lock()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._authority))

    def fresh(self, timeout: float = PATIENCE) -> http.client.HTTPSConnection:
        """One that is the caller's to close."""
        return http.client.HTTPSConnection("127.0.0.1", self._port, timeout=timeout, context=self._context)

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        """One request: status and body. Raises OSError, http.client.HTTPException. Nothing is ever sent twice."""
        with self._lent() as connection:
            connection.request(method, path, body, headers)
            with connection.getresponse() as response:
                return response.status, response.read()

    @contextmanager
    def _lent(self) -> Iterator[http.client.HTTPSConnection]:
        connection = self._take() or self.fresh()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append((time.monotonic(), connection))

    def _take(self) -> http.client.HTTPSConnection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS and _is_open(connection):
                return connection
            connection.close()

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()


def _is_open(connection: http.client.HTTPSConnection) -> bool:
    # None: the server said that it closes. Readable though nothing was asked: it closed.
    return connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]
