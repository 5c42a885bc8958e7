"""Fixtures of the operator's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.platform import Platform, platform_on
from parts.kubernetes import ApiServer, api_server

__all__ = ["api_server", "platform"]


@pytest.fixture
def platform(api_server: ApiServer, database: str, tmp_path: Path) -> Iterator[Platform]:
    """A platform with five people, and no operator yet."""
    with platform_on(api_server, database, tmp_path) as made:
        yield made
