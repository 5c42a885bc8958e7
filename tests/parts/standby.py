"""A PostgreSQL with a synchronous standby, and how to hang or promote them: real servers, on Unix sockets."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from herold.ledger.database import connect, one
from herold.processes.embedded import EmbeddedServer, embedded


def run_as_server(server: EmbeddedServer, *command: str) -> None:
    """One of its programs, as the user that the server runs as."""
    owner = server.data.stat()
    ours = {} if owner.st_uid == os.geteuid() else {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    program = [str(server.bin / command[0]), *command[1:]]
    subprocess.run(program, check=True, timeout=120, cwd="/", **ours)  # type: ignore[call-overload]


def promote(server: EmbeddedServer) -> None:
    """Make a standby the primary."""
    run_as_server(server, "pg_ctl", "promote", "-w", "-s", "-D", str(server.data))


@contextmanager
def with_standby(folder: Path) -> Iterator[tuple[EmbeddedServer, EmbeddedServer]]:
    """Primary and synchronous standby; a commit is acknowledged when both have it. `folder` is short."""
    with embedded(folder / "a") as primary:
        with (primary.data / "postgresql.conf").open("a") as config:
            config.write("wal_level = replica\nmax_wal_senders = 4\n")
        primary.stop()
        primary.start()
        standby = EmbeddedServer(folder / "b", primary.bin)
        owner = primary.data.stat()
        for each in (standby.folder, standby.socket):
            each.mkdir()
            os.chown(each, owner.st_uid, owner.st_gid)
        run_as_server(
            primary, "pg_basebackup", "-R", "-X", "stream", "-c", "fast", "-h", str(primary.socket), "-U", "herold",
            "-D", str(standby.data),
        )  # fmt: skip
        with (standby.data / "postgresql.conf").open("a") as config:
            config.write(f"unix_socket_directories = '{standby.socket}'\n")
        standby.start()
        try:
            with connect(primary.url("postgres")) as connection:
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                connection.execute("SELECT pg_reload_conf()")
                sync = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
                while one(connection, sync) != (1,):
                    connection.execute("SELECT pg_stat_clear_snapshot()")
            yield primary, standby
        finally:
            standby.stop("immediate")


@contextmanager
def hung(server: EmbeddedServer) -> Iterator[None]:
    """All of its processes are stopped: nothing answers, and its kernel goes on taking and acknowledging bytes."""
    postmaster = psutil.Process(server.postmaster_pid())
    postmaster.send_signal(signal.SIGSTOP)  # first: it makes no more
    stopped = [postmaster, *postmaster.children(recursive=True)]
    for process in stopped[1:]:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            process.send_signal(signal.SIGCONT)
