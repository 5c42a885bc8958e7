"""Erasure (GDPR, article 17): the person goes, the books stay.

What stays is a tombstone: the row's id, when it was erased, and keyed hashes that tell nobody who it was but let the
ledger know the person again. Deliveries keep the tombstone's id and the address hash, so that every run still adds up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import psycopg

from herold.contacts.finding import Who, check_sees_all, find
from herold.contacts.staging import sql, take_turn
from herold.contacts.subjects import CHANNEL
from herold.contacts.tombstones import tombstone
from herold.errors import Temporary
from herold.ledger.database import Connection, one


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was done. `suppressed`: the address may never be mailed again, whoever imports it."""

    contact_id: int
    already: bool
    events: int
    purchases: int
    consents: int
    outcomes: int
    suppressed: bool


def erase(connection: Connection, who: Who, *, key: bytes, actor: str, reason: str, suppress: bool = True) -> Erasure:
    """Erase one person in one transaction. Erasing twice changes nothing the second time.

    `suppress` keeps the hash of the address as a suppression (reason Erased), so that a later import under another id
    can't have it mailed; a suppression that is there already stays in any case. `actor` and `reason` go to the audit:
    keep personal data out of them. Raises NotFound, Refused (see find; BoundToBrands), Temporary while an import is at
    work.
    """
    try:
        with connection.transaction():
            check_sees_all(connection, "an erasure")
            take_turn(connection)
            return _erase(connection, find(connection, who, key=key), key, actor, reason, suppress)
    except psycopg.errors.LockNotAvailable:
        raise Temporary("an import is at work on the same ledger", hint="try again later") from None


def _erase(connection: Connection, id_: int, key: bytes, actor: str, reason: str, suppress: bool) -> Erasure:
    external_id, erased_at = one(
        connection, "SELECT external_id, erased_at FROM contact WHERE id = %s FOR UPDATE", (id_,)
    )
    if erased_at is not None:
        return Erasure(id_, True, 0, 0, 0, 0, False)
    if suppress:
        connection.execute(
            "INSERT INTO suppression (address_hash, reason, source) "
            "SELECT address_hash, 'Erased', 'erasure' FROM endpoint WHERE contact_id = %s AND channel = %s "
            "ON CONFLICT DO NOTHING",
            (id_, CHANNEL),
        )
    suppressed = one(
        connection,
        "SELECT exists (SELECT FROM endpoint JOIN suppression USING (address_hash) WHERE contact_id = %s)",
        (id_,),
    )[0]
    connection.execute("DELETE FROM endpoint WHERE contact_id = %s", (id_,))
    events = connection.execute("DELETE FROM event WHERE contact_id = %s", (id_,)).rowcount
    purchases = connection.execute("DELETE FROM purchase WHERE contact_id = %s", (id_,)).rowcount
    consents = connection.execute(sql("erase_consents.sql"), {"contact": id_}).rowcount
    outcomes = connection.execute(sql("erase_outcomes.sql"), {"contact": id_}).rowcount
    connection.execute(
        "UPDATE contact SET external_id = %s, locale = NULL, time_zone = NULL, attributes = '{}', updated_at = now(), "
        "erased_at = now() WHERE id = %s",
        (None if external_id is None else tombstone(key, external_id), id_),
    )
    connection.execute(
        "INSERT INTO audit (actor, action, target, detail) VALUES (%s, 'EraseContact', %s, %s)",
        (actor, f"contact {id_}", json.dumps({"reason": reason, "suppressed": suppressed})),
    )
    return Erasure(id_, False, events, purchases, consents, outcomes, suppressed)
