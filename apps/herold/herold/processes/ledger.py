"""The ledger of this installation: the embedded server or the one that is named, migrated, owned, guarded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from herold.ledger.database import Connection, check_schema, connect, migrate
from herold.ledger.fence import check_fence
from herold.ledger.installation import adopt, check_durability, check_owner, read_key
from herold.processes.embedded import embedded
from herold.settings import Settings
from herold.worker.evidence import remembered


@dataclass(frozen=True, slots=True)
class OpenLedger:
    """Where it is, and a connection to it."""

    url: str
    key: bytes = field(repr=False)
    connection: Connection


@contextmanager
def open_ledger(settings: Settings) -> Iterator[OpenLedger]:
    """The ledger, ready for people's commands. Raises Refused (another's ledger) and Temporary (no answer).

    The embedded one is made, migrated and adopted; a named one must have been (`herold ledger migrate`).
    """
    key = read_key(settings)
    if settings.database_url is not None:
        with connect(settings.database_url) as connection:
            check_schema(connection)
            check_owner(connection, settings, key)
            yield OpenLedger(settings.database_url, key, connection)
        return
    with embedded(settings.state_dir / "postgresql") as server, connect(server.url()) as connection:
        migrate(connection)
        adopt(connection, settings, key)
        yield OpenLedger(server.url(), key, connection)


@contextmanager
def open_for_counting(settings: Settings) -> Iterator[Connection]:
    """A named ledger for somebody who only counts, and has no key: CI, with the rights of a reader. Raises Refused."""
    assert settings.database_url is not None
    with connect(settings.database_url) as connection:
        check_schema(connection)
        check_owner(connection, settings, None)
        yield connection


@contextmanager
def open_for_sending(settings: Settings) -> Iterator[OpenLedger]:
    """The same, with the guards of whoever sends: it forgets nothing, and did not go backwards."""
    with open_ledger(settings) as ledger:
        check_durability(ledger.connection, settings)
        check_fence(ledger.connection, settings.fence_file, remembered(settings.evidence_dir))
        yield ledger
