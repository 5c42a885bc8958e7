"""Loads made-up people into a ledger, by COPY, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from herold.audience.addresses import address_hash, domain_of, normalise
from herold.contacts.subjects import CHANNEL, subject_id
from herold.demo.people import BRAND, TOPICS, Person, chunks, people
from herold.errors import Refused
from herold.ledger.database import Connection, one

_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class People:
    """What was loaded, in rows; `now` is the instant from which all their dates count."""

    now: datetime
    contacts: int
    endpoints: int
    purchases: int
    events: int
    consents: int
    suppressed: int


def load_people(
    connection: Connection, key: bytes, *, customers: int | None = None, seed: int = 1, now: datetime | None = None
) -> People:
    """Load the demonstration's customers (None: all 23,570). `now` is the ledger's when not given.

    Raises NotFound without the CDNOW history, Refused("AlreadyLoaded") when they are there already.
    """
    at: datetime = one(connection, "SELECT now()")[0] if now is None else now
    return load(connection, key, people(customers=customers, seed=seed, now=at), now=at)


def load(connection: Connection, key: bytes, everybody: Iterable[Person], *, now: datetime) -> People:
    """Load any made-up people, streaming: memory does not grow with their number."""
    totals = [0] * 6
    with connection.transaction():
        subjects = {topic: subject_id(connection, BRAND, topic) for topic in TOPICS}
        for chunk in chunks(everybody, _CHUNK):
            found = one(
                connection,
                "SELECT exists (SELECT FROM contact WHERE external_id = ANY (%s))",
                ([person.external_id for person in chunk],),
            )[0]
            if found:
                raise Refused("AlreadyLoaded", "these people are in the ledger already", hint="use an empty ledger")
            totals = [a + b for a, b in zip(totals, _load(connection, key, chunk, subjects), strict=True)]
    connection.execute("ANALYZE contact, endpoint, purchase, event, consent, consent_current, suppression")
    return People(now, *totals)


def _load(
    connection: Connection, key: bytes, chunk: Sequence[Person], subjects: dict[str, int]
) -> tuple[int, int, int, int, int, int]:
    ids = [
        int(row[0])
        for row in connection.execute(
            "SELECT nextval(pg_get_serial_sequence('contact', 'id')) FROM generate_series(1, %s)", (len(chunk),)
        )
    ]
    both = list(zip(ids, chunk, strict=True))
    encode = json.JSONEncoder(ensure_ascii=False).encode
    addresses = [(id_, normalise(person.email), person) for id_, person in both if person.email is not None]
    hashes = {address: address_hash(key, address) for _, address, _ in addresses}
    suppressed = {address for _, address, person in addresses if person.suppressed}
    contacts = _copy(
        connection,
        "contact (id, external_id, locale, time_zone, attributes)",
        ((id_, p.external_id, p.locale, p.time_zone, encode(p.attributes())) for id_, p in both),
    )
    endpoints = _copy(
        connection,
        "endpoint (contact_id, channel, address, address_hash, domain)",
        ((id_, CHANNEL, address, hashes[address], domain_of(address)) for id_, address, _ in addresses),
    )
    purchases = _copy(
        connection,
        "purchase (contact_id, order_id, at, amount)",
        ((id_, each.order_id, each.at.isoformat(), str(each.amount)) for id_, p in both for each in p.orders),
    )
    events = _copy(
        connection,
        "event (contact_id, name, at, properties)",
        ((id_, each.name, each.at.isoformat(), encode(each.properties)) for id_, p in both for each in p.events),
    )
    consents = _copy(
        connection,
        "consent (contact_id, subject, granted, at, source, wording)",
        (
            (id_, subjects[each.topic], each.granted, each.at.isoformat(), "demo", each.wording)
            for id_, p in both
            for each in p.consents
        ),
    )
    connection.execute(
        "INSERT INTO suppression (address_hash, reason, source) SELECT unnest(%s::bytea[]), 'Manual', 'demo' "
        "ON CONFLICT DO NOTHING",
        ([hashes[address] for address in sorted(suppressed)],),
    )
    return contacts, endpoints, purchases, events, consents, len(suppressed)


def _copy(connection: Connection, target: str, rows: Iterable[tuple[Any, ...]]) -> int:
    count = 0
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count
