"""The fence of a ledger whose standby was promoted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from herold.ledger.database import connect, migrate
from herold.ledger.installation import Fence, read_fence
from herold.processes.embedded import EmbeddedServer, embedded


def read(server: EmbeddedServer) -> Fence:
    connection = connect(server.url())
    with connection:
        return read_fence(connection)


def promote(server: EmbeddedServer) -> None:
    """It crashes, starts as a standby of nobody, and is promoted: a new timeline begins.

    What it had not written down yet makes the checkpoint after that last for minutes.
    """
    connection = connect(server.url())
    connection.execute("CREATE TABLE IF NOT EXISTS filling (text text)")
    connection.execute("INSERT INTO filling SELECT repeat('x', 500) FROM generate_series(1, 20000)")
    connection.close()
    server.stop("immediate")
    owner = server.data.stat()
    signal = server.data / "standby.signal"
    signal.touch()
    os.chown(signal, owner.st_uid, owner.st_gid)
    server.start()
    command = [str(server.bin / "pg_ctl"), "promote", "-w", "-s", "-D", str(server.data)]
    ours = {} if owner.st_uid == os.geteuid() else {"user": owner.st_uid, "group": owner.st_gid}
    subprocess.run(command, check=True, timeout=60, cwd="/", **ours)  # type: ignore[call-overload]


@pytest.fixture
def server(short_folder: Path) -> Iterator[EmbeddedServer]:
    with embedded(short_folder) as made:
        connection = connect(made.url())
        migrate(connection)
        # The embedded server has no standbys.
        connection.execute("ALTER SYSTEM SET wal_level = 'replica'")
        connection.close()
        made.stop()
        made.start()
        yield made


def test_the_fence_has_the_timeline_of_a_promotion_at_once_and_never_an_older_one(server: EmbeddedServer) -> None:
    seen = [read(server).timeline]
    for _ in range(2):
        promote(server)
        seen.append(read(server).timeline)
    assert seen == [1, 2, 3]
