"""Whose ledger this is, and whether it may be sent from.

Guards, each of which refuses with a reason: another installation's ledger, another environment's (a copy of
production must not mail customers), another key, a ledger that may forget what it has committed. One that did forget
stops at the fence (fence.py).
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from herold.errors import Refused
from herold.ledger.database import Connection, one
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
