"""What alerts need of the ledger beside what campaigns need: paused lanes, workers with a lease, its clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from herold.ledger.database import Connection


@dataclass(frozen=True, slots=True)
class Vitals:
    """`paused` are (sender, lane); `hosts` are where workers with a lease run, in a pod its name; `offset` is how many
    seconds this node's clock is ahead of the ledger's."""

    paused: tuple[tuple[str, str], ...]
    hosts: tuple[str, ...]
    offset: float


def read_vitals(connection: Connection) -> Vitals:
    """Inside the transaction of a look."""
    asked = time.time()
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    offset = (asked + time.time()) / 2
    assert row is not None
    now: datetime = row[0]
    paused = connection.execute(
        "SELECT s.namespace || '/' || s.name, l.name FROM lane l JOIN sender s ON s.id = l.sender_id "
        "WHERE l.paused_until > now() ORDER BY 1, 2"
    ).fetchall()
    hosts = connection.execute("SELECT host FROM worker WHERE ended_at IS NULL AND expires_at > now()").fetchall()
    return Vitals(
        tuple((sender, lane) for sender, lane in paused), tuple(host for (host,) in hosts), offset - now.timestamp()
    )
