"""The fence of a ledger whose standby was promoted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from herold.ledger.database import connect, migrate
from herold.ledger.fence import Fence, check_fence, read_fence
from herold.ledger.installation import adopt
from herold.ledger.runs import start_run
from herold.processes.embedded import EmbeddedServer, embedded
from herold.settings import Settings
from parts.campaigns import small_campaign
from parts.ledger import Hand
from parts.people import KEY, add_people
from parts.standby import promote


def read(server: EmbeddedServer) -> Fence:
    connection = connect(server.url())
    with connection:
        return read_fence(connection)


def fail_over(server: EmbeddedServer) -> None:
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
    promote(server)


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
        fail_over(server)
        seen.append(read(server).timeline)
    assert seen == [1, 2, 3]


def test_a_promotion_that_lost_nothing_stops_nobody(server: EmbeddedServer, short_folder: Path) -> None:
    mirror = short_folder / "fence.json"
    connection = connect(server.url())
    with connection:
        adopt(connection, Settings(state_dir=short_folder), KEY)
        add_people(connection, [f"p{number}@mail.example" for number in range(9)])
        start_run(connection, small_campaign(), key=KEY, actor="t", at_once=True)
    hand = Hand(server.url())
    seen = 0
    for _ in range(3):
        seen = hand.window(limit=1).id
        with connect(server.url()) as connection:
            check_fence(connection, mirror)
        fail_over(server)
        with connect(server.url()) as connection:
            check_fence(connection, mirror)
    assert hand.window(limit=1).id > seen
