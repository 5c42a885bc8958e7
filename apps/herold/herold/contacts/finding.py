"""Finding one person: by the ledger's id, by the company's id, or by address."""

from __future__ import annotations

from dataclasses import dataclass

from herold.audience.addresses import address_hash, normalise
from herold.contacts.tombstones import tombstone
from herold.errors import InvalidInput, Mistake, NotFound, Refused
from herold.ledger.database import Connection, one


@dataclass(frozen=True, slots=True)
class ContactId:
    """The ledger's own id."""

    value: int


@dataclass(frozen=True, slots=True)
class ExternalId:
    """The company's id."""

    value: str


@dataclass(frozen=True, slots=True)
class MailAddress:
    """An address, in any spelling."""

    value: str


Who = ContactId | ExternalId | MailAddress


def check_sees_all(connection: Connection, what: str) -> None:
    """What must be done for all brands is not done for some. Raises Refused."""
    if not one(connection, "SELECT sees_all()")[0]:
        raise Refused(
            "BoundToBrands",
            f"this login sees some brands only, and {what} would be left unfinished in the others",
            hint="use a login that is bound to every brand (herold ledger grant … --brand '*')",
        )


def find(connection: Connection, who: Who, *, key: bytes) -> int:
    """The ledger's id of exactly one contact, erased ones included.

    Raises NotFound; Refused("AmbiguousAddress") when several people read this address; InvalidInput for what is none.
    The errors never repeat what was looked for.
    """
    parameters: list[object]
    match who:
        case ContactId(value):
            query, parameters = "SELECT id FROM contact WHERE id = %s", [value]
        case ExternalId(value):
            query = "SELECT id FROM contact WHERE external_id = ANY (%s) ORDER BY erased_at IS NOT NULL LIMIT 1"
            parameters = [[value, tombstone(key, value)]]
        case MailAddress(value):
            try:
                hashed = address_hash(key, normalise(value))
            except ValueError as error:
                raise InvalidInput([Mistake("address", 0, 0, "", str(error))], what="address") from None
            query, parameters = "SELECT contact_id FROM endpoint WHERE address_hash = %s ORDER BY 1", [hashed]
    found = [int(row[0]) for row in connection.execute(query.encode(), parameters)]
    if not found:
        hint = "an erased person is found by id only" if isinstance(who, MailAddress) else None
        raise NotFound("no such contact", hint=hint)
    if len(found) > 1:
        ids = ", ".join(map(str, found[:20]))
        raise Refused("AmbiguousAddress", f"{len(found)} contacts have this address", hint=f"name one of them: {ids}")
    return found[0]
