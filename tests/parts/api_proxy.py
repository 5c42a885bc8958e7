"""A proxy before the API server that sees requests: it can stop at a write, and keep what watches would tell.

It speaks plain HTTP to who asks and TLS to the server. It runs in a thread with a loop of its own: a test that blocks
does not block it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
from aiohttp import web

from parts.kubernetes import ApiServer, free_port
from parts.listeners import accept_no_more, settle

DEADLINE = 30.0
# `before`: the server never hears of it. `answered`: it did it, and whoever asked never hears that.
Point = Literal["before", "answered"]
_HOP = {"transfer-encoding", "connection", "content-length", "host"}


@dataclass(slots=True)
class _Stop:
    words: str
    point: Point
    left: int
    act: Callable[[], None]


@dataclass(slots=True)
class ApiProxy:
    """Use `api_proxy`. `writes` are the writes that were asked for, as `METHOD path`; renewals of Leases are none."""

    api: ApiServer
    port: int = field(default_factory=free_port)
    writes: list[str] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _stops: list[_Stop] = field(default_factory=list)
    _flowing: asyncio.Event = field(default_factory=asyncio.Event)
    _thread: threading.Thread | None = None
    _transports: set[asyncio.Transport] = field(default_factory=set)
    _runner: web.AppRunner | None = None
    _listener: socket.socket | None = None
    _session: aiohttp.ClientSession | None = None

    def stop_at(self, act: Callable[[], None], point: Point, count: int = 1, words: str = "") -> None:
        """At the `count`-th write from now whose `METHOD path` has these `words`: do `act`, and cut the connection."""

        async def add() -> None:
            self._stops.append(_Stop(words, point, count, act))

        self._call(add())

    def stop_at_soon(self, act: Callable[[], None], point: Point, count: int = 1, words: str = "") -> None:
        """The same, asked for by an `act`."""
        self._stops.append(_Stop(words, point, count, act))

    def forget_stops(self) -> None:
        """Stop nowhere any more."""
        self._call(self._forget())

    async def _forget(self) -> None:
        self._stops.clear()

    def keep_watches(self) -> None:
        """Nothing arrives on watches any more, old or new; they stay open."""

        async def keep() -> None:
            self._flowing.clear()

        self._call(keep())

    def let_watches_go(self) -> None:
        """Watches go on where they were."""

        async def go() -> None:
            self._flowing.set()

        self._call(go())

    def start(self) -> None:
        self._thread = threading.Thread(target=self._loop.run_forever, name="api proxy", daemon=True)
        self._thread.start()
        self._call(self._open())

    def stop(self) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread is not None:
            self._thread.join(DEADLINE)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE)

    async def _open(self) -> None:
        self._flowing.set()
        trust = ssl.create_default_context(cafile=str(self.api.authority))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=trust),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        await web.SockSite(self._runner, self._listener).start()

    async def _close(self) -> None:
        self._flowing.set()
        if self._listener is not None:
            await accept_no_more([self._listener])
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()
        for transport in self._transports:
            transport.abort()
        await settle()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        stop = self._stop_for(request)
        if stop is not None and stop.point == "before":
            return self._cut(request, stop)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        url = f"https://127.0.0.1:{self.api.port}{request.raw_path}"
        body = await request.read()
        try:
            async with self._session.request(request.method, url, headers=headers, data=body or None) as answer:
                if answer.connection is not None and answer.connection.transport is not None:
                    self._transports.add(answer.connection.transport)
                kept = {
                    name: value
                    for name, value in answer.headers.items()
                    if name.lower() not in _HOP - {"content-encoding"}
                }
                response = web.StreamResponse(status=answer.status, headers=kept)
                if stop is not None:
                    await answer.read()
                    return self._cut(request, stop)
                await response.prepare(request)
                watched = request.query.get("watch") == "true"
                async for data in answer.content.iter_any():
                    if watched:
                        await self._flowing.wait()
                    await response.write(data)
                await response.write_eof()
                return response
        except (aiohttp.ClientError, ConnectionError):
            return self._cut(request, None)
        except asyncio.CancelledError:
            if stop is not None:  # whoever asked is gone already: the next one is stopped
                stop.left = 1
                self._stops.append(stop)
            raise

    def _stop_for(self, request: web.Request) -> _Stop | None:
        words = f"{request.method} {request.path}"
        if request.method == "GET" or "/leases" in request.path:
            return None
        self.writes.append(words)
        for stop in self._stops:
            if stop.words in words:
                stop.left -= 1
                if stop.left == 0:
                    self._stops.remove(stop)
                    return stop
        return None

    def _cut(self, request: web.Request, stop: _Stop | None) -> web.StreamResponse:
        if stop is not None:
            stop.act()
        if request.transport is not None:
            with contextlib.suppress(RuntimeError):
                request.transport.abort()
        return web.Response(status=502)


@contextmanager
def api_proxy(api: ApiServer) -> Iterator[ApiProxy]:
    """A proxy to `api`; point a kubeconfig at its port."""
    proxy = ApiProxy(api)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
