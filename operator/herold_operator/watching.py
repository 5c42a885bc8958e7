"""Kopf: watches of the five kinds, and nothing more. No finalizers, no timers, no annotations, no state of its own.

Why the settings are as they are: streams that end by themselves and are opened anew (a frozen one would otherwise be
silent for ever), kinds that are not scanned for (the role allows no look at definitions), no Events of Kopf's own.
"""

from __future__ import annotations

import asyncio
import base64
import signal
from collections.abc import Callable
from typing import Any

import kopf

from herold.resources import KINDS
from herold.resources.meta import GROUP, VERSION

Happened = Callable[[str | None, dict[str, Any]], None]


def build_registry(happened: Happened, configuration: Any) -> kopf.OperatorRegistry:
    """Handlers that pass every event on, and a login with the operator's own credentials."""
    registry = kopf.OperatorRegistry()

    async def event(event: Any, **_: Any) -> None:
        happened(event["type"], event["object"])

    async def login(**_: Any) -> kopf.ConnectionInfo:
        token = None
        for setting in (await configuration.auth_settings()).values():
            # The scheme is written `Bearer` from a kubeconfig and `bearer` from a pod's own files.
            token = setting["value"].rpartition(" ")[2]
        return kopf.ConnectionInfo(
            server=configuration.host,
            ca_path=configuration.ssl_ca_cert,
            ca_data=_encoded(configuration.ca_cert_data),
            insecure=not configuration.verify_ssl,
            scheme="Bearer" if token else None,
            token=token,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
        )

    for model in KINDS.values():
        kopf.on.event(GROUP, VERSION, model.plural, registry=registry)(event)
    kopf.on.login(registry=registry)(login)
    return registry


def build_settings() -> kopf.OperatorSettings:
    """See the module's words."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
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


def _encoded(data: str | bytes | None) -> str | None:
    if data is None:
        return None
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()
