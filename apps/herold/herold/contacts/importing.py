"""Imports of contacts: a file is staged whole by COPY, then merged in batches, each one transaction.

Nothing of the file holds before all of it was read, so a misspelt field stops it in time. A batch that was merged stays
merged when the process dies; importing the same file again completes the rest and writes nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from herold.audience.addresses import address_hash, domain_of
from herold.contacts.reading import CsvFile, JsonlFile
from herold.contacts.rejects import Format, Reason, Reject, Rejects, rejects_file
from herold.contacts.rows import ContactRow, CsvRows, Evidence, JsonRows
from herold.contacts.staging import (
    BATCH_ROWS,
    CHUNK_ROWS,
    OnProgress,
    begin_batch,
    copy_rows,
    opened,
    silent,
    sql,
    staging,
)
from herold.contacts.subjects import subject_id
from herold.contacts.tombstones import tombstone
from herold.errors import InvalidInput, Mistake
from herold.ledger.database import Connection, one
from herold.resources.contact_schema import ContactSchema

_ANALYZE_FROM = 10_000  # changed rows


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Rows: read = created + updated + unchanged + superseded + rejected (by reason). Consents count beside them.

    `superseded`: an earlier row about a person of whom the file says something again further down.
    """

    read: int
    created: int
    updated: int
    unchanged: int
    superseded: int
    rejected: int
    consents_added: int
    consents_refused: int
    reasons: dict[Reason, int]


def import_contacts(
    connection: Connection,
    path_or_stream: Path | BinaryIO,
    *,
    schema: ContactSchema,
    key: bytes,
    format: Format,  # noqa: A002 - what the reader calls it
    source: str,
    rejects: Path,
    on_progress: OnProgress = silent,
    on_read: OnProgress = silent,
    batch_rows: int = BATCH_ROWS,
) -> ImportResult:
    """Import people. `source` is recorded with each consent; `key` is the installation's.

    `on_read` hears how many rows were read and checked so far, `on_progress` how many of them were merged and
    committed. What is not taken stands in `rejects` (0600). Raises InvalidInput that names every unknown column or
    field before anything was imported; NotFound for a missing file; Temporary when another import does not end.
    """
    with opened(path_or_stream, rejects) as (stream, name), rejects_file(rejects, format) as rejected:
        now: datetime = one(connection, "SELECT now()")[0]
        unknown: dict[str, Mistake] = {}
        rows = _rows(stream, name, schema, format, now, unknown)
        with staging(connection, "staged_contact", "staged_consent", "merging"):
            connection.execute(sql("stage.sql"))
            last_line, read = _stage(connection, rows, key, rejected, on_read)
            if unknown:
                raise InvalidInput(list(unknown.values()), what="fields")
            connection.execute("CREATE INDEX ON staged_contact (line)")
            superseded = one(connection, sql("supersede.sql").decode())[0]
            connection.execute("CREATE INDEX ON staged_consent (owner)")
            connection.execute("ANALYZE staged_contact, staged_consent")
            totals: Counter[str] = Counter()
            for after in range(0, last_line, batch_rows):
                totals += _merge(connection, after, after + batch_rows, source, now, rejected)
                on_progress(totals["created"] + totals["updated"] + totals["unchanged"])
    if totals["created"] + totals["updated"] + totals["added"] >= _ANALYZE_FROM:
        connection.execute("SELECT analyze_people('contact', 'endpoint', 'consent', 'consent_current')")
    refused = rejected.counts["ConsentNotNewer"]
    return ImportResult(
        read=read,
        created=totals["created"],
        updated=totals["updated"],
        unchanged=totals["unchanged"],
        superseded=superseded,
        rejected=rejected.counts.total() - refused,
        consents_added=totals["added"],
        consents_refused=refused,
        reasons=dict(rejected.counts),
    )


def _rows(
    stream: BinaryIO, name: str, schema: ContactSchema, format_: Format, now: datetime, unknown: dict[str, Mistake]
) -> Iterator[ContactRow | Reject]:
    if format_ == "csv":
        file = CsvFile(stream, name)
        csv_rows = CsvRows(file.header, schema.spec, file=name, now=now)
        return (each if isinstance(each, Reject) else csv_rows.read(each) for each in file.records())
    json_rows = JsonRows(schema.spec, file=name, now=now, unknown=unknown)
    return (each if isinstance(each, Reject) else json_rows.read(each) for each in JsonlFile(stream).records())


def _stage(
    connection: Connection, rows: Iterator[ContactRow | Reject], key: bytes, rejects: Rejects, on_read: OnProgress
) -> tuple[int, int]:
    """COPY all rows, some thousands at a time. Returns the number of the last line, and of rows read."""
    subjects: dict[tuple[str, str], int] = {}

    def consent(line: int, each: Evidence) -> tuple[Any, ...]:
        subject = (each.brand, each.topic)
        if subject not in subjects:
            subjects[subject] = subject_id(connection, *subject)
        return line, line, subjects[subject], each.granted, each.at, each.wording

    last_line = read = 0
    while chunk := list(islice(rows, CHUNK_ROWS)):
        contacts: list[tuple[Any, ...]] = []
        consents: list[tuple[Any, ...]] = []
        for row in chunk:
            if isinstance(row, Reject):
                rejects.write(row)
                continue
            line, external_id, address, locale, zone, attributes, evidence = row
            hashed, domain = (address_hash(key, address), domain_of(address)) if address else (None, None)
            mark = tombstone(key, external_id)
            contacts.append((line, external_id, mark, address, hashed, domain, locale, zone, attributes))
            consents.extend(consent(line, each) for each in evidence)
            last_line = line
        copy_rows(connection, "pg_temp.staged_contact", contacts)
        copy_rows(connection, "pg_temp.staged_consent", consents)
        read += len(chunk)
        on_read(read)
    return last_line, read


def _merge(connection: Connection, after: int, to: int, source: str, now: datetime, rejects: Rejects) -> Counter[str]:
    """One batch, one transaction. Its rejects are written once it is committed."""
    batch = {"after": after, "to": to}
    found: list[Reject] = []
    with connection.transaction():
        begin_batch(connection)
        for (line,) in connection.execute(sql("erased.sql"), batch):
            found.append(Reject(line, "Erased", "this person was erased; an import does not bring them back"))
        connection.execute(sql("resolve.sql"), batch)
        created, updated, unchanged = one(connection, sql("merge.sql").decode())
        added = 0
        for count, line, at in connection.execute(sql("consents.sql"), {"source": source, "now": now}):
            added = count
            if line is not None:
                message = "a withdrawal is recorded, and this grant " + (
                    "has no instant that would show it is newer" if at is None else "is not newer"
                )
                found.append(Reject(line, "ConsentNotNewer", message))
    for reject in found:
        rejects.write(reject)
    return Counter(created=created, updated=updated, unchanged=unchanged, added=added)
