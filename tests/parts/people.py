"""Made-up people in the ledger, for tests: consented, reachable, numbered."""

from __future__ import annotations

from herold.audience.addresses import address_hash, domain_of
from herold.ledger.database import Connection

KEY = b"0123456789abcdef0123456789abcdef"


def add_people(connection: Connection, addresses: list[str], *, zones: list[str] | None = None) -> list[int]:
    """One contact for each address, with consent to the topic `offers` of the brand `shop`. Their ids."""
    ids: list[int] = []
    with connection.transaction():
        connection.execute(
            "INSERT INTO consent_subject (brand, topic, channel) VALUES ('shop', 'offers', 'Email') "
            "ON CONFLICT DO NOTHING"
        )
        for index, address in enumerate(addresses):
            zone = zones[index % len(zones)] if zones else None
            row = connection.execute(
                "INSERT INTO contact (external_id, locale, time_zone) VALUES (%s, 'en', %s) RETURNING id",
                (f"c{index}-{address}", zone),
            ).fetchone()
            assert row is not None
            ids.append(row[0])
            connection.execute(
                "INSERT INTO endpoint (contact_id, channel, address, address_hash, domain) "
                "VALUES (%s, 'Email', %s, %s, %s)",
                (row[0], address, address_hash(KEY, address), domain_of(address)),
            )
        connection.execute(
            "INSERT INTO consent (contact_id, subject, granted, at, source) "
            "SELECT unnest(%s::bigint[]), (SELECT id FROM consent_subject LIMIT 1), true, now(), 'test'",
            (ids,),
        )
    return ids
