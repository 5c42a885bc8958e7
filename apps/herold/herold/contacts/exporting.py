"""Exports: all that is held about one person (GDPR, article 15), and all people for another system or a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from herold.contacts.finding import Who, check_sees_all, find
from herold.contacts.rejects import Format
from herold.contacts.rows import FIELDS
from herold.contacts.spreadsheet import guarded
from herold.contacts.staging import OnProgress, silent, sql
from herold.ledger.database import Connection, one
from herold.resources.contact_schema import ContactSchema

# Parts of the answer to one person; each is one statement that gives JSON objects, in order of time.
SECTIONS = ("endpoints", "suppressions", "consents", "events", "purchases", "deliveries")
_PROGRESS_ROWS = 10_000


def export_contact(connection: Connection, who: Who, out: BinaryIO, *, key: bytes, actor: str) -> int:
    """Write all that is held about one person as one JSON object, in UTF-8; returns their id.

    Keys: contact, endpoints, suppressions, consents (the whole log), events, purchases, deliveries with their outcomes.
    One snapshot, row by row: memory does not grow with the person's history. The reading is audited. Raises NotFound,
    Refused (see find; BoundToBrands).
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        check_sees_all(connection, "an answer about one person")
        id_ = find(connection, who, key=key)
        connection.execute(
            "INSERT INTO audit (actor, action, target) VALUES (%s, 'ExportContact', %s)", (actor, f"contact {id_}")
        )
        contact = one(connection, sql("export_contact.sql").decode(), {"contact": id_})[0]
        out.write(b'{"contact": ' + _json(contact))
        for section in SECTIONS:
            out.write(b',\n"' + section.encode() + b'": [')
            for index, item in enumerate(_items(connection, section, id_)):
                out.write((b",\n  " if index else b"\n  ") + _json(item))
            out.write(b"]")
        out.write(b"}\n")
    return id_


def export_contacts(
    connection: Connection,
    out: BinaryIO,
    *,
    format: Format,  # noqa: A002 - what the reader calls it
    schema: ContactSchema,
    actor: str,
    on_progress: OnProgress = silent,
) -> int:
    """Write all people but the erased, in the form that import_contacts reads; returns how many.

    JSONL holds everything, with the whole log of consents: importing it again changes nothing. CSV is for spreadsheets:
    the attributes that the schema declares, each current consent without its instant, and no text that a spreadsheet
    would run as a formula.
    """
    connection.execute("INSERT INTO audit (actor, action, target) VALUES (%s, 'ExportContacts', 'contacts')", (actor,))
    count = 0
    lines = _jsonl(connection)
    if format == "csv":
        table = _Table(schema)
        out.write(table.header())
        lines = map(table.row, lines)
    for line in lines:
        out.write(line)
        count += 1
        if count % _PROGRESS_ROWS == 0:
            on_progress(count)
    on_progress(count)
    return count


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _items(connection: Connection, section: str, id_: int) -> Iterator[Any]:
    with connection.cursor(name=f"herold_export_{section}") as cursor:
        cursor.execute(sql(f"export_{section}.sql"), {"contact": id_})
        for row in cursor:
            yield row[0]


def _jsonl(connection: Connection) -> Iterator[bytes]:
    with connection.cursor() as cursor, cursor.copy(b"COPY (" + sql("export_all.sql") + b") TO STDOUT") as copy:
        for data in copy:
            # COPY doubles each backslash; of what else it escapes, JSON has none.
            yield bytes(data).replace(b"\\\\", b"\\")


class _Table:
    """People as rows of CSV."""

    def __init__(self, schema: ContactSchema) -> None:
        self._texts = {each.name for each in schema.spec.attributes if each.type == "String"}
        self._attributes = [each.name for each in schema.spec.attributes if each.name not in FIELDS]
        self._subjects = [(brand, topic.name) for brand in schema.spec.brands for topic in schema.spec.topics]

    def header(self) -> bytes:
        subjects = (f"consent:{brand}:{topic}" for brand, topic in self._subjects)
        return _line([*FIELDS, *self._attributes, *subjects])

    def row(self, line: bytes) -> bytes:
        person = json.loads(line, parse_float=str, parse_int=str)
        values = person["attributes"]
        # The log is in order of time, and of two at one instant a withdrawal comes last: what holds now.
        held = {(each["brand"], each["topic"]): each["granted"] for each in person["consents"]}
        return _line(
            [guarded(person.get(name, "")) for name in FIELDS]
            + [self._cell(name, values.get(name)) for name in self._attributes]
            + [{True: "granted", False: "withdrawn", None: ""}[held.get(subject)] for subject in self._subjects]
        )

    def _cell(self, name: str, value: str | bool | None) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return str(value).lower()
        return guarded(value) if name in self._texts else value


def _line(cells: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue().encode()


def export_to(path: Path) -> BinaryIO:
    """A new file for an export, readable by its owner only (0600). Raises FileExistsError: none is overwritten."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
