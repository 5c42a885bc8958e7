"""Fixtures of the read service's tests."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.platform import Platform, platform_on
from herold.ledger.roles import READER, apply_grants
from parts.kubernetes import ApiServer, api_server
from parts.logins import login
from reader.service import Reader, admit, start_reader

__all__ = ["api_server", "platform"]


@pytest.fixture
def platform(api_server: ApiServer, database: str, tmp_path: Path) -> Iterator[Platform]:
    """An API server and a ledger with five people."""
    with platform_on(api_server, database, tmp_path) as made:
        yield made


@pytest.fixture
def start(platform: Platform) -> Iterator[Callable[..., Reader]]:
    """Start a read service with its own role of the database, and `settings`; people are admitted to the platform."""
    people = admit(platform.api)
    apply_grants(platform.connection)
    started: list[Reader] = []
    with login(platform.connection, READER) as url:

        def go(**settings: str) -> Reader:
            reader = start_reader(platform, url=url, **settings)
            reader.people = people
            started.append(reader)
            return reader

        yield go
        for reader in started:
            reader.stop(signal.SIGKILL)


@pytest.fixture
def reader(start: Callable[..., Reader]) -> Reader:
    """A read service, and people."""
    return start()
