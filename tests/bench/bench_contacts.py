"""Imports of people: rows a second and the client's memory, new, unchanged and half changed; as JSON.

    .venv/bin/python tests/bench/bench_contacts.py --rows 1000000

A CSV file with attributes and a dated consent each goes into an embedded PostgreSQL of its own. The importing process
is a child, so that its memory is its own; the server's is not counted.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from herold.contacts.importing import import_contacts
from herold.demo.people import made_up_people
from herold.ledger.database import connect, migrate
from herold.processes.embedded import embedded
from herold.resources.contact_schema import ContactSchema

SCHEMA = ContactSchema.model_validate(
    {
        "metadata": {"name": "customers", "namespace": "shared"},
        "spec": {
            "attributes": [
                {"name": "first_name", "type": "String"},
                {"name": "city", "type": "String"},
                {"name": "country", "type": "String"},
                {"name": "loyalty_points", "type": "Integer"},
                {"name": "lifetime_value", "type": "Decimal"},
                {"name": "vip", "type": "Boolean"},
                {"name": "birthday", "type": "Date"},
                {"name": "last_seen", "type": "Timestamp"},
            ],
            "brands": ["shop"],
            "topics": [{"name": "offers"}],
        },
    }
)
COLUMNS = (
    "external_id,email,locale,time_zone,first_name,city,country,loyalty_points,lifetime_value,vip,birthday,last_seen,"
    "consent:shop:offers,consent_at"
)


def write_people(path: Path, rows: int, *, changed: bool) -> None:
    """The file; with `changed`, every second person has one point more."""
    now = datetime(2026, 11, 1, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as file:
        file.write(COLUMNS + "\n")
        for person in made_up_people(rows, 1, now=now):
            points = person.loyalty_points + (1 if changed and person.number % 2 else 0)
            consent = next((each for each in reversed(person.consents) if each.topic == "offers"), None)
            granted = (
                "" if consent is None else f"{'granted' if consent.granted else 'withdrawn'},{consent.at.isoformat()}"
            )
            file.write(
                f"{person.external_id},{person.email or ''},{person.locale},{person.time_zone or ''},"
                f"{person.first_name or ''},{person.city},{person.country},{points},{person.lifetime_value},"
                f"{'true' if person.vip else 'false'},{person.birthday or ''},{person.last_seen.isoformat()},"
                f"{granted or ','}\n"
            )


def run_import(url: str, path: Path) -> None:
    """One import, in a process of its own: prints its figures."""
    connection = connect(url)
    read_at: list[float] = []
    started, cpu = time.perf_counter(), time.process_time()
    result = import_contacts(
        connection,
        path,
        schema=SCHEMA,
        key=b"k" * 32,
        format="csv",
        source="bench",
        rejects=path.with_suffix(".rejects"),
        on_read=lambda _: read_at.append(time.perf_counter() - started),
    )
    seconds = time.perf_counter() - started
    connection.close()
    print(
        json.dumps(
            {
                "rows": result.read,
                "created": result.created,
                "updated": result.updated,
                "unchanged": result.unchanged,
                "rejected": result.rejected,
                "consents_added": result.consents_added,
                "seconds": round(seconds, 2),
                "seconds_reading": round(read_at[-1], 2),
                "rows_per_second": round(result.read / seconds),
                "client_cpu_us_per_row": round((time.process_time() - cpu) / result.read * 1e6, 2),
                "client_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            }
        )
    )


def measure(rows: int) -> dict[str, Any]:
    """New people, the same file again, and a file with every second person changed."""
    folder = Path(tempfile.mkdtemp(prefix="herold-bench-", dir="/tmp"))
    folder.chmod(0o755)
    figures: dict[str, Any] = {"bench": "contacts import (CSV)", "rows": rows}
    try:
        for changed in (False, True):
            write_people(folder / f"people-{changed}.csv", rows, changed=changed)
        with embedded(folder / "server") as server:
            connection = connect(server.url())
            migrate(connection)
            connection.close()
            for name, changed in (("new", False), ("unchanged", False), ("half_changed", True)):
                child = subprocess.run(
                    [sys.executable, __file__, "--url", server.url(), "--file", str(folder / f"people-{changed}.csv")],
                    check=True,
                    capture_output=True,
                    text=True,
                )
                figures[name] = json.loads(child.stdout)
                print(name, figures[name], file=sys.stderr)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, help="write the JSON here as well")
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.url:
        run_import(given.url, given.file)
        return
    text = json.dumps(measure(given.rows), indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
