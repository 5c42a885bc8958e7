"""A ledger that was put back to a moment forgot what was committed since, be it one window: it stops and asks."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chaos.rig import wait_until
from herold.errors import Refused
from herold.ledger.database import Connection, connect, migrate, one
from herold.ledger.fence import Fence, Memory, accept_ledger, check_fence, read_fence
from herold.ledger.installation import adopt
from herold.ledger.runs import start_run
from herold.processes.embedded import EmbeddedServer, embedded
from herold.settings import Settings
from herold.worker.evidence import Evidence, remembered
from parts.campaigns import small_campaign
from parts.ledger import Hand
from parts.people import KEY, add_people


@dataclass
class World:
    """A server with an archive, a ledger with work to claim, a worker, and a mirror outside of it."""

    server: EmbeddedServer
    folder: Path
    hand: Hand = field(init=False)

    @property
    def mirror(self) -> Path:
        return self.folder / "fence.json"

    def connected(self) -> Connection:
        return connect(self.server.url())

    def check(self, memories: list[Memory] | None = None) -> None:
        """As whoever sends does first."""
        with self.connected() as connection:
            check_fence(connection, self.mirror, memories or [])

    def fence(self) -> Fence:
        with self.connected() as connection:
            return read_fence(connection)

    def back_up(self) -> None:
        """A copy of the running server's folder, taken as PostgreSQL wants it for a recovery to a moment."""
        with self.connected() as connection:
            connection.execute("SELECT pg_backup_start('test', true)")
            copy(self.server.data, self.folder / "backup")
            label = one(connection, "SELECT labelfile FROM pg_backup_stop(true)")
        (self.folder / "backup" / "postmaster.pid").unlink()
        self._give("backup", "backup_label", label[0])

    def snapshot(self) -> None:
        """A copy of the folder as a crash leaves it: a snapshot of the volume."""
        self.server.stop("immediate")
        copy(self.server.data, self.folder / "backup")
        self.server.start()

    def name_this_moment(self) -> None:
        with self.connected() as connection:
            connection.execute("SELECT pg_create_restore_point('here')")

    def restore(self, *, to_the_moment: bool) -> None:
        """Put the copy in the place of what is there; with the archive up to the moment that has a name."""
        if to_the_moment:
            with self.connected() as connection:
                connection.execute("SELECT pg_switch_wal()")
        self.server.stop("fast")
        if to_the_moment:
            self._give("backup", "recovery.signal", "")
            self._give(
                "backup",
                "postgresql.auto.conf",
                f"wal_level = 'replica'\nrestore_command = 'cp {self.folder}/archive/%f %p'\n"
                "recovery_target_name = 'here'\nrecovery_target_action = 'promote'\n",
            )
        shutil.rmtree(self.server.data)
        copy(self.folder / "backup", self.server.data)
        self.server.start()
        wait_until(lambda: not self._recovers(), "the recovery is over")

    def _recovers(self) -> bool:
        with self.connected() as connection:
            return bool(one(connection, "SELECT pg_is_in_recovery()")[0])

    def _give(self, folder: str, name: str, content: str) -> None:
        """A file for the server, whoever it runs as."""
        path = self.folder / folder / name
        path.write_text(content)
        owner = self.server.data.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


@pytest.fixture
def world(short_folder: Path) -> Iterator[World]:
    with embedded(short_folder) as server:
        made = World(server, short_folder)
        with made.connected() as connection:
            migrate(connection)
            connection.execute("ALTER SYSTEM SET wal_level = 'replica'")
            connection.execute("ALTER SYSTEM SET archive_mode = 'on'")
            connection.execute(f"ALTER SYSTEM SET archive_command = 'cp %p {short_folder}/archive/%f'".encode())
        archive, owner = short_folder / "archive", server.data.stat()
        archive.mkdir()
        os.chown(archive, owner.st_uid, owner.st_gid)
        server.stop()
        server.start()
        with made.connected() as connection:
            adopt(connection, Settings(state_dir=short_folder), KEY)
            add_people(connection, [f"p{number}@mail.example" for number in range(60)])
            start_run(connection, small_campaign(), key=KEY, actor="t", at_once=True)
        made.hand = Hand(server.url())
        yield made


def one_window(world: World) -> int:
    window = world.hand.window(limit=1)
    world.hand.record(window, "sent")
    return window.id


def forget_one_window(world: World) -> Fence:
    """Of two windows the second, by a snapshot of the volume: the fence that was seen before."""
    one_window(world)
    world.snapshot()
    one_window(world)
    world.check()
    seen = world.fence()
    world.restore(to_the_moment=False)
    return seen


@pytest.mark.parametrize("count", [1, 32])
def test_a_recovery_to_a_moment_that_forgot_windows_is_noticed(world: World, count: int) -> None:
    world.back_up()
    one_window(world)  # PostgreSQL writes the sequence down here, 32 numbers ahead
    world.name_this_moment()
    for _ in range(count):
        one_window(world)
    world.check()
    seen = world.fence()
    world.restore(to_the_moment=True)
    now = world.fence()
    assert now.timeline > seen.timeline
    assert now.windows >= seen.windows, "the sequence alone would tell nothing"
    with pytest.raises(Refused, match=rf"does not know window {seen.windows}, which was opened"):
        world.check()
    assert "LedgerRegressed" in repr(world.hand.claim())


def test_a_snapshot_of_the_volume_that_forgot_one_window_is_noticed_on_the_same_timeline(world: World) -> None:
    seen = forget_one_window(world)
    assert world.fence().timeline == seen.timeline
    with pytest.raises(Refused, match="does not know window"):
        world.check()


def test_what_others_send_from_a_restored_ledger_hides_nothing(world: World) -> None:
    seen = forget_one_window(world)
    other = Hand(world.server.url())  # it remembers nothing, and nobody has looked yet
    while world.fence().windows <= seen.windows:
        other.window(limit=1)
    with pytest.raises(Refused, match="does not know window"):
        world.check()


def test_a_forgotten_brake_is_noticed_though_no_window_was_opened(world: World) -> None:
    world.snapshot()
    with world.connected() as connection:
        connection.execute("INSERT INTO hold (scope, target, reason, actor) VALUES ('Everything', '', 'wait', 'anna')")
        connection.execute("SELECT worker_renew(%s, 1, 15)", (world.hand.worker,))
    world.check()
    world.restore(to_the_moment=False)
    with pytest.raises(Refused, match="does not know what was seen last"):
        world.check()


def test_the_evidence_of_a_worker_that_was_killed_before_it_mirrored_remembers_its_window(world: World) -> None:
    one_window(world)
    world.check()
    world.snapshot()
    evidence = Evidence(world.folder / "evidence", world.hand.worker, 2)
    evidence.begin(world.fence().accepted)
    evidence.open_window(0, one_window(world))
    world.check(remembered(world.folder / "evidence"))
    (world.folder / "fence.json").unlink()
    world.restore(to_the_moment=False)
    evidence.close(forget=False)
    with pytest.raises(Refused, match="does not know window"):
        world.check(remembered(world.folder / "evidence"))


def test_who_accepts_ends_all_memories_and_one_that_is_forgotten_is_noticed(world: World) -> None:
    old = forget_one_window(world)
    with pytest.raises(Refused):
        world.check()
    with world.connected() as connection:
        accept_ledger(connection, world.folder / "elsewhere.json", actor="anna", reason="looked")
    world.check([*old.memories()])  # the mirror, too, is of before
    one_window(world)
    world.check()
    # Once more the same copy: it knows neither what was sent since nor that anybody accepted anything.
    world.restore(to_the_moment=False)
    with pytest.raises(Refused, match="does not know that a person accepted it"):
        world.check()
