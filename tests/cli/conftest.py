"""Worlds with an empty ledger of their own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.world import World
from parts.people import KEY


@pytest.fixture
def state() -> Iterator[Path]:
    """A short path: sockets lie below it."""
    folder = Path(tempfile.mkdtemp(prefix="hc-", dir="/tmp"))
    folder.chmod(0o755)  # the embedded server may run as another user than we do
    (folder / "key").write_bytes(KEY)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def world(database: str, state: Path, tmp_path: Path) -> World:
    """A named ledger, adopted."""
    made = World(tmp_path, state, database)
    made.must("ledger", "migrate")
    return made


@pytest.fixture
def bare(state: Path, tmp_path: Path) -> World:
    """No ledger is named: the embedded one is made when a command needs it."""
    return World(tmp_path, state)
