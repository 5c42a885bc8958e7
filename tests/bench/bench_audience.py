"""Audiences: exact count, freeze and sampled count, in seconds and pages, at three sizes; as JSON.

    .venv/bin/python tests/bench/bench_audience.py --contacts 1000000 --events 20000000

An embedded PostgreSQL of its own (about 6 GB for the size above) holds made-up people and events in the order of time.
The segment has two event conditions, which nearly everybody matches. Freezing runs the ledger's own code: the statement
that was counted, and the rows of `delivery` with all their indexes, up to the commit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from herold.audience.count import count_audience
from herold.audience.sampling import count_sample
from herold.ledger.database import Connection, connect, migrate, one
from herold.ledger.freeze import freeze_audience
from herold.ledger.times import DueZone
from herold.processes.embedded import EmbeddedServer, embedded
from herold.resources import Campaign, ContactSchema, MessageTemplate, Segment, SenderProfile
from herold.resources.resolved import ResolvedCampaign

ZONES = ("Europe/Warsaw", "Europe/Berlin", "America/New_York", "Asia/Tokyo")
CONDITIONS = (
    {"event": {"name": "opened", "within": "300d"}},
    {"event": {"name": "viewed", "atLeast": 2}},
)
PEOPLE = """
INSERT INTO contact (id, locale, time_zone, attributes)
SELECT i, (ARRAY['en', 'de-DE', 'pl-PL'])[1 + i % 3], (%(zones)s::text[])[1 + i % 4],
       jsonb_build_object('country', (ARRAY['PL', 'DE', 'US', 'JP', 'FR'])[1 + i % 5], 'age', 18 + i % 70,
                          'vip', i % 50 = 0, 'birthday', date '1950-01-01' + (i % 20000)::int)
FROM generate_series(1, %(contacts)s) AS i;
INSERT INTO endpoint (contact_id, channel, address, address_hash, domain)
SELECT i, 'Email', 'person' || i || '@mail' || i % 40 || '.example', decode(md5(i::text), 'hex'),
       'mail' || i % 40 || '.example'
FROM generate_series(1, %(contacts)s) AS i;
INSERT INTO consent_subject (brand, topic, channel) VALUES ('shop', 'offers', 'Email');
INSERT INTO consent (contact_id, subject, granted, at, source)
SELECT i, 1, true, now() - interval '400 days', 'bench' FROM generate_series(1, %(contacts)s) AS i
"""
# In the order of time, each person 20 times or so, of four kinds at random.
EVENTS = """
INSERT INTO event (contact_id, name, at, properties)
SELECT (n * 7919 % %(contacts)s) + 1,
       (ARRAY['opened', 'opened', 'opened', 'opened', 'viewed', 'viewed', 'viewed', 'clicked', 'clicked', 'carted'])
           [1 + (hashint8(n) & 1048575) % 10],
       now() - interval '365 days' + n * (interval '365 days' / %(events)s), '{"device": "phone"}'
FROM generate_series(1::bigint, %(events)s) AS n
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--contacts", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", type=int, nargs="*", default=[4, 2, 1], help="sizes as parts of the whole")
    parser.add_argument("--folder", type=Path, default=None, help="where the server's files lie meanwhile")
    arguments = parser.parse_args()
    sizes = [
        measured(arguments.contacts // part, arguments.events // part, arguments.rounds, arguments.folder)
        for part in arguments.parts
    ]
    first, last = sizes[0], sizes[-1]
    growth = last["contacts"] / first["contacts"]
    report = {
        "sizes": sizes,
        # 1 is linear: CPU grew as people did.
        "linearity": {
            what: round(last[what]["cpu_seconds"] / first[what]["cpu_seconds"] / growth, 2)
            for what in ("count", "freeze")
        },
    }
    json.dump(report, sys.stdout, indent=2)
    print()


def measured(contacts: int, events: int, rounds: int, folder: Path | None) -> dict[str, Any]:
    """One size, in a server that is thrown away."""
    resolved = campaign()
    with tempfile.TemporaryDirectory(prefix="herold-bench-", dir=folder) as place, server_in(Path(place)) as server:
        started = time.perf_counter()
        fill(server, contacts, events)
        filled = time.perf_counter() - started
        with opened(server) as connection:
            counts = count_audience(connection, resolved)
            sampled = count_sample(connection, resolved)
        return {
            "contacts": contacts,
            "events": events,
            "accepted": counts.accepted,
            "fill_seconds": round(filled, 1),
            "count": median(server, rounds, lambda connection: count_audience(connection, resolved)),
            "freeze": median(server, rounds, lambda connection: freeze(connection, resolved), unfreeze),
            "sampled": median(server, rounds, lambda connection: count_sample(connection, resolved)),
            "sampled_estimate": [sampled.accepted.low, sampled.accepted.people, sampled.accepted.high],
        }


@contextmanager
def server_in(place: Path) -> Iterator[EmbeddedServer]:
    place.chmod(0o755)  # the server may run as another user than we do
    with embedded(place / "pg") as server:
        yield server


def fill(server: EmbeddedServer, contacts: int, events: int) -> None:
    """People and events, then what autovacuum would have done by the next day."""
    with opened(server) as connection:
        migrate(connection)
        connection.execute("SET synchronous_commit = off")
        values: dict[str, object] = {"contacts": contacts, "events": events, "zones": list(ZONES)}
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'herold' AND tablename = 'event'"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}".encode())
        for statement in (*PEOPLE.split(";\n"), EVENTS):
            # Only our own placeholders are psycopg's; other % are SQL's remainder.
            query = statement.replace("%", "%%").replace("%%(", "%(")
            connection.execute(query.encode(), values)
        for _, definition in indexes:
            connection.execute(definition.encode())
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def freeze(connection: Connection, resolved: ResolvedCampaign) -> None:
    """As the start of a run does it, in one transaction."""
    at = datetime.now(UTC)
    zones = [DueZone(index, name, at, at, ()) for index, name in enumerate(ZONES)]
    with connection.transaction():
        run = one(connection, "SELECT new_run_id()")[0]
        freeze_audience(connection, run, resolved, [1], zones)


def unfreeze(connection: Connection) -> None:
    connection.execute("TRUNCATE delivery")
    connection.execute("CHECKPOINT")


def median(
    server: EmbeddedServer,
    rounds: int,
    run: Callable[[Connection], object],
    after: Callable[[Connection], None] | None = None,
) -> dict[str, float]:
    """Median seconds by the clock and of the server's CPU; 8 KB pages found, read and written aside, last round."""
    seconds, cpu = [], []
    for _ in range(rounds):
        with opened(server) as connection:
            before = pages(connection)
            spent_cpu, started = cpu_seconds(server), time.perf_counter()
            run(connection)
            seconds.append(time.perf_counter() - started)
            cpu.append(cpu_seconds(server) - spent_cpu)
            spent = {name: value - before[name] for name, value in pages(connection).items()}
            if after is not None:
                after(connection)
    return {
        "seconds": round(statistics.median(seconds), 3),
        "best": round(min(seconds), 3),
        "cpu_seconds": round(statistics.median(cpu), 3),
        **spent,
    }


def cpu_seconds(server: EmbeddedServer) -> float:
    """Of all the server's processes, those that have ended included."""
    postmaster = psutil.Process(server.postmaster_pid())
    ended = postmaster.cpu_times()
    total: float = ended.user + ended.system + ended.children_user + ended.children_system
    for child in postmaster.children():
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    return total


def pages(connection: Connection) -> dict[str, int]:
    connection.execute("SELECT pg_stat_force_next_flush()")
    row = one(
        connection,
        "SELECT blks_hit, blks_read, temp_bytes / 8192 FROM pg_stat_database WHERE datname = current_database()",
    )
    return {"pages_found": int(row[0]), "pages_read": int(row[1]), "temporary_pages": int(row[2])}


@contextmanager
def opened(server: EmbeddedServer) -> Iterator[Connection]:
    connection = connect(server.url())
    try:
        yield connection
    finally:
        connection.close()


def campaign() -> ResolvedCampaign:
    """To everybody who matches both conditions."""
    schema_ref = {"name": "customers"}
    resolved = ResolvedCampaign(
        Campaign.model_validate(
            {
                "metadata": {"name": "bench", "namespace": "bench"},
                "spec": {
                    "audience": {"segmentRefs": [{"name": "active"}], "maxRecipients": 100_000_000},
                    "message": {"topic": "offers", "templateRef": {"name": "bench"}, "senderRef": {"name": "bench"}},
                    "schedule": {"at": "2026-12-01T09:00:00", "timeZone": "Europe/Warsaw"},
                    "governance": {"owner": "bench"},
                },
            }
        ),
        (),
        MessageTemplate.model_validate(
            {
                "metadata": {"name": "bench", "namespace": "bench"},
                "spec": {
                    "schemaRef": schema_ref,
                    "defaultLocale": "en",
                    "contents": [{"locale": "en", "subject": "Hello", "text": "Hello\n{{ unsubscribe_url }}\n"}],
                },
            }
        ),
        SenderProfile.model_validate(
            {
                "metadata": {"name": "bench", "namespace": "bench"},
                "spec": {
                    "brand": "shop",
                    "from": {"address": "news@shop.example"},
                    "returnPathDomain": "bounces.shop.example",
                    "unsubscribeUrl": "https://shop.example/u/",
                    "route": {"host": "127.0.0.1", "port": 2525, "tls": "None"},
                    "limits": {"perSecond": "1000"},
                },
            }
        ),
        ContactSchema.model_validate(
            {
                "metadata": {"name": "customers", "namespace": "bench"},
                "spec": {
                    "events": [{"name": name} for name in ("opened", "viewed", "clicked", "carted")],
                    "brands": ["shop"],
                    "topics": [{"name": "offers"}],
                },
            }
        ),
        "shared",
    )
    active = Segment.model_validate(
        {
            "metadata": {"name": "active", "namespace": "bench"},
            "spec": {"schemaRef": schema_ref, "allOf": [{"anyOf": [condition]} for condition in CONDITIONS]},
        }
    )
    return replace(resolved, segments=(active,))


if __name__ == "__main__":
    main()
