"""Whose ledger this is, and whether it may be sent from.

Guards, each of which refuses with a reason: another installation's ledger, another environment's (a copy of
production must not mail customers), another key, a ledger that may forget what it has committed, and one that went
backwards against its mirror (the fence: a restored backup, a lost promotion).
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

from herold.errors import Refused
from herold.ledger.database import AsyncConnection, Connection, one
from herold.settings import Settings

KEY_SECRET = "herold-key"  # noqa: S105 - the name of the secret, not the secret


def read_key(settings: Settings) -> bytes:
    """The installation's key: addresses are hashed and message ids are made with it.

    From `<secrets_dir>/herold-key/key`, else from `<state_dir>/key`, which is made when missing (0600).
    """
    if settings.secrets_dir is not None:
        path = settings.secrets_dir / KEY_SECRET / "key"
        if not path.exists():
            raise Refused("KeyMissing", f"there is no {KEY_SECRET}/key in HEROLD_SECRETS_DIR")
        return _strong(path.read_bytes().strip(), path)
    path = settings.state_dir / "key"
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _strong(path.read_bytes().strip(), path)
    with os.fdopen(handle, "wb") as file:
        key = secrets.token_hex(32).encode()
        file.write(key)
    return key


def _strong(key: bytes, path: Path) -> bytes:
    if len(key) < 32:
        raise Refused("KeyTooShort", f"{path.name} has {len(key)} bytes; it takes at least 32")
    return key


def fingerprint(key: bytes) -> str:
    """What the ledger keeps of the key, to notice another one."""
    return hashlib.blake2b(b"herold.fingerprint", key=key[:64], digest_size=16).hexdigest()


def adopt(connection: Connection, settings: Settings, key: bytes) -> None:
    """Make a new ledger this installation's; refuse one that belongs to another."""
    connection.execute(
        "INSERT INTO installation (name, environment, key_fingerprint) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (settings.installation, settings.environment, fingerprint(key)),
    )
    check_owner(connection, settings, key)


def check_owner(connection: Connection, settings: Settings, key: bytes | None) -> None:
    """Raises Refused for the ledger of another installation, environment or key (None: it is not compared)."""
    name, environment, known = one(connection, "SELECT name, environment, key_fingerprint FROM installation")
    if name != settings.installation:
        raise Refused(
            "InstallationMismatch",
            f"this ledger belongs to the installation {name!r}, this process to {settings.installation!r}",
            hint="one ledger serves one installation: give each its own database",
        )
    if environment != settings.environment:
        raise Refused(
            "EnvironmentMismatch",
            f"this ledger belongs to {environment!r}, this process runs in {settings.environment!r}",
            hint="a copy of another environment's ledger is never sent from; make an empty one",
        )
    if key is not None and known != fingerprint(key):
        raise Refused("KeyMismatch", "this ledger was made with another installation key", hint="restore the key")


def check_durability(connection: Connection, settings: Settings) -> None:
    """Raises Refused when a committed intent could be forgotten."""
    values = {
        name: one(connection, "SELECT current_setting(%s)", (name,))[0]
        for name in ("fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names")
    }
    for name in ("fsync", "full_page_writes"):
        if values[name] != "on":
            raise Refused("LedgerNotDurable", f"{name} is off: a crash could forget what was sent")
    if values["synchronous_commit"] == "off":
        raise Refused("LedgerNotDurable", "synchronous_commit is off: a crash could forget what was sent")
    if not settings.is_single_node():
        if not values["synchronous_standby_names"]:
            raise Refused(
                "NoSynchronousStandby",
                "the ledger has no synchronous standby",
                hint="set synchronous_standby_names, or declare HEROLD_SINGLE_NODE=true",
            )
        if values["synchronous_commit"] == "local":
            raise Refused("LedgerNotDurable", "synchronous_commit is local: a failover could forget what was sent")


@dataclass(frozen=True, slots=True)
class Fence:
    """What can only grow while the ledger is the same: its identity, its timeline, its last window."""

    system: int
    timeline: int
    windows: int


# The timeline of what is written now: until the first checkpoint after a promotion, which may take minutes, that of the
# last checkpoint is an older one, on a standby that was promoted soon after another even older than what was mirrored.
_FENCE: LiteralString = """
SELECT system, CASE WHEN pg_is_in_recovery() THEN timeline
       ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer END, windows
FROM ledger_fence()
"""
_REGRESSED: LiteralString = "SELECT ledger_regress(%s)"


def read_fence(connection: Connection) -> Fence:
    """The ledger's fence now."""
    return Fence(*one(connection, _FENCE))


def mirrored_fence(path: Path) -> Fence | None:
    """The fence as last seen, or None."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return Fence(int(content["system"]), int(content["timeline"]), int(content["windows"]))


def write_fence(path: Path, fence: Fence) -> None:
    """Replace the mirror in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps({"system": fence.system, "timeline": fence.timeline, "windows": fence.windows}))
    temporary.replace(path)


def regression(now: Fence, mirror: Fence | None) -> str | None:
    """Why the ledger went backwards against its mirror, or None."""
    if mirror is None:
        return None
    if now.system != mirror.system:
        return "it is another PostgreSQL cluster than before"
    if now.timeline < mirror.timeline:
        return f"its timeline went back from {mirror.timeline} to {now.timeline}"
    if now.windows < mirror.windows:
        return f"it knows {now.windows} windows, {mirror.windows} were opened"
    return None


async def admit(connection: AsyncConnection, path: Path, seen: int) -> bool:
    """A worker's look at the fence on every new connection, and on every beat; False: all claims have stopped.

    `seen` is the greatest window id that the worker itself was given. Mirrors what moved forward.
    """
    # The mirror first: another process may open a window and mirror it between the two looks.
    mirror = mirrored_fence(path)
    row = await (await connection.execute(_FENCE)).fetchone()
    assert row is not None
    now = Fence(*row)
    why = regression(now, mirror) or regression(now, Fence(now.system, now.timeline, seen))
    if why is not None:
        await connection.execute(_REGRESSED, (why,))
        return False
    if mirror is None or now != mirror:
        write_fence(path, now)
    return True


def check_fence(connection: Connection, path: Path) -> None:
    """Compare and mirror. On a regression all claims stop, everywhere, and Refused is raised."""
    mirror = mirrored_fence(path)  # before the ledger, as in `admit`
    now = read_fence(connection)
    why = regression(now, mirror)
    if why is not None:
        connection.execute(_REGRESSED, (why,))
    known = one(connection, "SELECT regressed_why FROM installation WHERE singleton")[0]
    if known is not None:
        raise Refused(
            "LedgerRegressed",
            f"the ledger went backwards: {known}",
            hint="find out what was sent since (the relay's log), stop the runs that were sending then "
            "(herold stop --run ID), and only then: herold ledger accept --reason WHY",
        )
    if mirror is None or now.windows > mirror.windows or now.timeline > mirror.timeline:
        write_fence(path, now)


def accept_ledger(connection: Connection, path: Path, *, actor: str, reason: str) -> None:
    """A person takes the ledger as it is: the mirror is set to it, claims go on, and the deed is recorded."""
    with connection.transaction():
        connection.execute(
            "INSERT INTO audit (actor, action, target, detail) VALUES (%s, 'AcceptLedger', 'ledger', %s)",
            (actor, json.dumps({"reason": reason})),
        )
        # Ids that were given out before must not be given out again: evidence and logs name them.
        mirror = mirrored_fence(path)
        if mirror is not None:
            connection.execute(
                "SELECT setval('send_window_id_seq', greatest(%s, coalesce(pg_sequence_last_value("
                "'send_window_id_seq'), 1)))",
                (mirror.windows + 1,),
            )
        connection.execute("UPDATE installation SET regressed_at = NULL, regressed_why = NULL")
    write_fence(path, read_fence(connection))
