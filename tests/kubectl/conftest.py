"""Fixtures of the plugin's tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from controller.platform import Platform
from kubectl.hand import Hand, with_token
from parts.kubernetes import api_server
from reader.conftest import platform, start
from reader.service import Reader, admit, lead_to, outside_address

__all__ = ["api_server", "platform", "start"]


@pytest.fixture
def people(platform: Platform) -> dict[str, Hand]:
    """Those whom `admit` lets in, each with a token of their own."""
    return {name: with_token(platform, name, token) for name, token in admit(platform.api).items()}


@pytest.fixture
def led(platform: Platform, start: Callable[..., Reader]) -> Reader:
    """A read service to which the API server's proxy leads."""
    address = outside_address()
    if address is None:
        pytest.skip("this machine has no address but loopback, to which an API server does not proxy")
    reader = start(host=address)
    lead_to(platform.api, address, reader.port)
    return reader
