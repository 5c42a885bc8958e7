"""Subjects of consent: one small number for brand, topic and channel."""

from __future__ import annotations

from herold.ledger.database import Connection, one

CHANNEL = "Email"


def subject_id(connection: Connection, brand: str, topic: str) -> int:
    """The number of (brand, topic, Email), made when there is none yet."""
    query = "SELECT id FROM consent_subject WHERE (brand, topic, channel) = (%s, %s, %s)"
    row = connection.execute(query, (brand, topic, CHANNEL)).fetchone()
    if row is None:
        # Only when it is missing: ON CONFLICT takes a number each time, and there are but 32,767.
        connection.execute(
            "INSERT INTO consent_subject (brand, topic, channel) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (brand, topic, CHANNEL),
        )
        row = one(connection, query, (brand, topic, CHANNEL))
    return int(row[0])
