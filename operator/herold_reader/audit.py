"""What is written down before anybody reads about people: who, with which token, what, and about whom as a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from herold.audience.addresses import address_hash, normalise
from herold.contacts.finding import ContactId, ExternalId, Who
from herold.contacts.tombstones import tombstone
from herold.errors import InvalidInput, Mistake
from herold.ledger.database import Connection
from herold.ledger.runs import audit
from herold_reader.access import Caller
from herold_reader.protocol import Ask

ACTIONS = {Ask.EXPLAIN: "ReadExplanation", Ask.DELIVERIES: "ReadDeliveries", Ask.HOLD: "HoldByAnnotation"}
_MOST = 256


@contextmanager
def writing(connection: Connection) -> Iterator[None]:
    """A transaction that writes, which those of the service otherwise can't. Committed at its end."""
    with connection.transaction():
        connection.execute("SET TRANSACTION READ WRITE")
        yield


def write_down(connection: Connection, caller: Caller, ask: Ask, campaign: str, detail: dict[str, Any]) -> None:
    """One row of the audit, in a transaction that writes."""
    known = {name: value for name, value in detail.items() if value is not None}
    if caller.credential is not None:
        known["credential"] = caller.credential[:_MOST]
    audit(connection, caller.user[:_MOST], ACTIONS[ask], campaign, known)


def hashed(who: Who, key: bytes) -> str:
    """Somebody as the audit names them: whoever has the installation's key can tell whether it is a certain person.

    Raises InvalidInput for an address that is none.
    """
    match who:
        case ContactId(value):
            digest = hashlib.blake2b(str(value).encode(), key=key[:64], digest_size=16, person=b"herold.contact")
            return f"contact:{digest.hexdigest()}"
        case ExternalId(value):
            return f"external:{tombstone(key, value).partition(':')[2]}"
    try:
        return f"address:{address_hash(key, normalise(who.value)).hex()}"
    except ValueError as error:
        raise InvalidInput([Mistake("request", 0, 0, "address", str(error))], what="request") from None
