"""Imports of events: what people did. One that is recorded already (person, name, instant, properties) is passed over,
so the same file can be imported again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from herold.contacts.names import check_header, near
from herold.contacts.reading import CsvFile, CsvRecord, JsonlFile, JsonRecord
from herold.contacts.rejects import Format, Reason, Reject, csv_text, json_line, rejects_file
from herold.contacts.rows import read_external_id
from herold.contacts.spreadsheet import unguarded
from herold.contacts.staging import (
    BATCH_ROWS,
    OnProgress,
    begin_batch,
    opened,
    silent,
    sql,
    stage_rows,
    staging,
)
from herold.contacts.values import json_text, read_instant
from herold.errors import InvalidInput, Mistake
from herold.ledger.database import Connection, one
from herold.resources.contact_schema import AttributeType, ContactSchema

# Clocks of shops and ledgers differ a little; an event from next year would be recent for a year.
CLOCK_TOLERANCE = timedelta(minutes=5)
_FIELDS = ("external_id", "name", "at")


@dataclass(frozen=True, slots=True)
class HistoryResult:
    """Rows: read = added + updated + unchanged + rejected (by reason). Events are never updated."""

    read: int
    added: int
    updated: int
    unchanged: int
    rejected: int
    reasons: dict[Reason, int]


class EventRow(NamedTuple):
    """A checked event; `properties` is a JSON object."""

    line: int
    external_id: str
    name: str
    at: datetime
    properties: str


def import_events(
    connection: Connection,
    path_or_stream: Path | BinaryIO,
    *,
    schema: ContactSchema,
    format: Format,  # noqa: A002 - what the reader calls it
    rejects: Path,
    on_progress: OnProgress = silent,
    on_read: OnProgress = silent,
    batch_rows: int = BATCH_ROWS,
) -> HistoryResult:
    """Import events: external_id, name, at, and their properties (CSV: a column each; JSONL: `properties` {…}).

    People must be known; errors and progress as in import_contacts.
    """
    with opened(path_or_stream, rejects) as (stream, name), rejects_file(rejects, format) as rejected:
        now: datetime = one(connection, "SELECT now()")[0]
        unknown: dict[str, Mistake] = {}
        rows = _rows(stream, name, EventRows(schema, file=name, now=now, unknown=unknown), format)
        with staging(connection, "staged_event"):
            connection.execute(
                "CREATE TEMP TABLE staged_event (line bigint NOT NULL, external_id text NOT NULL, name text NOT NULL, "
                "at timestamptz NOT NULL, properties jsonb NOT NULL)"
            )
            read, last_line = stage_rows(connection, "pg_temp.staged_event", rows, rejected, on_read)
            if unknown:
                raise InvalidInput(list(unknown.values()), what="fields")
            connection.execute("CREATE INDEX ON staged_event (line)")
            connection.execute("ANALYZE staged_event")
            added = taken = 0
            for after in range(0, last_line, batch_rows):
                batch = {"after": after, "to": after + batch_rows}
                with connection.transaction():
                    begin_batch(connection)
                    strangers = connection.execute(sql("event_strangers.sql"), batch).fetchall()
                    found = one(connection, sql("events.sql").decode(), batch)
                for (line,) in strangers:
                    rejected.write(Reject(line, "UnknownContact", "nobody has this external_id"))
                taken, added = taken + found[0], added + found[1]
                on_progress(taken)
    if added >= BATCH_ROWS:
        connection.execute("SELECT analyze_people('event')")
    return HistoryResult(read, added, 0, taken - added, rejected.counts.total(), dict(rejected.counts))


def _rows(stream: BinaryIO, name: str, rows: EventRows, format_: Format) -> Iterator[EventRow | Reject]:
    if format_ == "csv":
        file = CsvFile(stream, name)
        rows.bind(file.header)
        return (each if isinstance(each, Reject) else rows.read_csv(each) for each in file.records())
    return (each if isinstance(each, Reject) else rows.read_json(each) for each in JsonlFile(stream).records())


class EventRows:
    """Reads events against the ContactSchema. Unknown fields are collected in `unknown` as they are met."""

    def __init__(self, schema: ContactSchema, *, file: str, now: datetime, unknown: dict[str, Mistake]) -> None:
        self._file = file
        self._latest = now + CLOCK_TOLERANCE
        self._unknown = unknown
        self._types: dict[str, dict[str, AttributeType]] = {
            event.name: {each.name: each.type for each in event.properties} for event in schema.spec.events
        }
        self._header: list[str] = []

    def bind(self, header: list[str]) -> None:
        """Take the header of a CSV file. Raises InvalidInput that names every unknown column."""
        properties = [name for types in self._types.values() for name in types]
        check_header(header, [*_FIELDS, *properties], _FIELDS, file=self._file)
        self._header = header

    def read_csv(self, record: CsvRecord) -> EventRow | Reject:
        """One row; blank properties are absent."""
        if len(record.fields) != len(self._header):
            message = f"has {len(record.fields)} fields, the header {len(self._header)}"
            return Reject(record.line, "Malformed", message, csv_text(record.fields))
        given = {name: unguarded(text) for name, text in zip(self._header, record.fields, strict=True) if text.strip()}
        who, name, at = (given.pop(field, None) for field in _FIELDS)
        row = self._read(record.line, who, name, at, given)
        return row if isinstance(row, EventRow) else Reject(record.line, "Invalid", row, csv_text(record.fields))

    def read_json(self, record: JsonRecord) -> EventRow | Reject:
        """One object."""
        line, value = record
        for name in value.keys() - {*_FIELDS, "properties"}:
            self._note(line, name, [*_FIELDS, "properties"])
        properties = value.get("properties") or {}
        row: EventRow | str = "properties is not an object"
        if isinstance(properties, dict):
            row = self._read(line, value.get("external_id"), value.get("name"), value.get("at"), properties)
        return row if isinstance(row, EventRow) else Reject(line, "Invalid", row, json_line(value))

    def _note(self, line: int, name: str, known: list[str]) -> None:
        if name not in self._unknown and len(self._unknown) < 100:
            fix = near(name[:200], known)
            self._unknown[name] = Mistake(self._file, line, 1, name[:200], "is not a field known here", fix)

    def _read(self, line: int, external_id: Any, name: Any, at: Any, properties: dict[str, Any]) -> EventRow | str:
        mistakes: list[str] = []
        who, when = "", self._latest
        try:
            who = read_external_id(external_id)
        except ValueError as error:
            mistakes.append(f"external_id {error}")
        try:
            when = read_past(at, self._latest)
        except ValueError as error:
            mistakes.append(f"at {error}")
        types = self._types.get(name, {}) if isinstance(name, str) else {}
        if not isinstance(name, str) or name not in self._types:
            mistakes.append("name is not an event that the ContactSchema declares")
            properties = {}
        parts: list[str] = []
        for key, value in properties.items():
            if key not in types:
                mistakes.append(f"{key[:100]!r} is not a property of this event")
            elif value is not None and value != "":
                try:
                    parts.append(f'"{key}":{json_text(types[key], value)}')
                except ValueError as error:
                    mistakes.append(f"{key} {error}")
        if mistakes:
            return "; ".join(mistakes)
        return EventRow(line, who, name, when, "{" + ",".join(parts) + "}")


def read_past(text: Any, latest: datetime) -> datetime:
    """An instant that is not after `latest`. Raises ValueError."""
    at = read_instant(text if isinstance(text, str) else "")
    if at > latest:
        raise ValueError("lies in the future")
    return at
