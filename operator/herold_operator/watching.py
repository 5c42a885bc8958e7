"""Kopf: watches of our kinds, and nothing more. No finalizers, no timers, no annotations, no state of its own.

Kopf keeps bookmarks to itself, so its session is ours: whatever arrives on a watch is a sign of life of that kind. The
API server sends a bookmark about once a minute where nothing changes.
https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks

Why the settings are as they are: streams that end by themselves and are opened anew (a frozen one would otherwise be
silent for ever), kinds that are not scanned for (the role allows no look at definitions), no Events of Kopf's own.
"""

from __future__ import annotations

import asyncio
import base64
import signal
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import aiohttp
import kopf

from herold.resources.meta import GROUP, VERSION
from herold_operator.api import PAGE

Happened = Callable[[str | None, dict[str, Any]], None]
Heard = Callable[[str], None]


def build_registry(
    plurals: Iterable[str], happened: Happened, heard: Heard, configuration: Any
) -> kopf.OperatorRegistry:
    """Handlers that pass every event on, and a login with the operator's own credentials. `heard` is told the plural of
    a kind whenever its watch shows that it lives."""
    registry = kopf.OperatorRegistry()

    async def event(event: Any, **_: Any) -> None:
        happened(event["type"], event["object"])

    async def login(**_: Any) -> kopf.AiohttpSession:
        token = None
        for setting in (await configuration.auth_settings()).values():
            # The scheme is written `Bearer` from a kubeconfig and `bearer` from a pod's own files.
            token = setting["value"].rpartition(" ")[2]
        info = kopf.ConnectionInfo(
            server=configuration.host,
            ca_path=configuration.ssl_ca_cert,
            ca_data=_encoded(configuration.ca_cert_data),
            insecure=not configuration.verify_ssl,
            scheme="Bearer" if token else None,
            token=token,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
        )
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
            headers=info.as_http_headers(),
            middlewares=(_listening(heard),),
        )
        return kopf.AiohttpSession(server=info.server, aiohttp_session=session)

    for plural in plurals:
        kopf.on.event(GROUP, VERSION, plural, registry=registry)(event)
    kopf.on.login(registry=registry)(login)
    return registry


def build_settings() -> kopf.OperatorSettings:
    """See the module's words."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    # Not all objects at once in memory, nor a task for each of them that waits for more.
    settings.watching.chunk_size = PAGE
    settings.queueing.idle_timeout = 0.5
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.watching.connect_timeout = 10
    settings.watching.reconnect_backoff = 0.5
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = (0.5, 1, 2, 3, 5)
    settings.execution.default_backoff = 10
    settings.process.ultimate_exiting_timeout = 10
    return settings


async def watch(registry: kopf.OperatorRegistry, stop: asyncio.Event) -> None:
    """Watch until `stop`, or until Kopf ends by itself."""
    before = asyncio.all_tasks()
    # Without an identity Kopf asks for the user's name, and a pod's user has none.
    tasks = await kopf.spawn_tasks(
        registry=registry,
        settings=build_settings(),
        clusterwide=True,
        stop_flag=stop,
        identity="herold",  # type: ignore[arg-type] # Kopf does not export its kind of str
    )
    # Kopf takes the signals over, and would end long before the rest of us hears of it.
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    await kopf.run_tasks(tasks, ignored=before)


def _listening(heard: Heard) -> aiohttp.ClientMiddlewareType:
    """Tells of everything that arrives on a watch."""

    async def listen(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        response = await handler(request)
        if request.url.query.get("watch") == "true":
            plural = request.url.name
            content: Any = _Listened(response.content, lambda: heard(plural))
            response.content = content
        return response

    return listen


class _Listened:
    """The content of a response, whose chunks are noticed; all else is its own."""

    def __init__(self, content: aiohttp.StreamReader, notice: Callable[[], None]) -> None:
        self._content = content
        self._notice = notice

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        async for data in self._content.iter_chunked(size):
            self._notice()
            yield data


def _encoded(data: str | bytes | None) -> str | None:
    if data is None:
        return None
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()
