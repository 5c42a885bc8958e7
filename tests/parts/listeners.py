"""How a server of asyncio stops without losing anybody: it accepts no more, knows whom it accepted, then is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol


class HasFileno(Protocol):
    def fileno(self) -> int: ...


async def accept_no_more(listeners: Iterable[HasFileno]) -> None:
    """Before the server is closed: asyncio never closes the connection of whom it accepted just before that."""
    for each in listeners:
        asyncio.get_running_loop().remove_reader(each.fileno())
    await settle()


async def settle() -> None:
    """Who was accepted is known, and what was aborted is closed, by callbacks of callbacks."""
    for _ in range(10):
        await asyncio.sleep(0)
