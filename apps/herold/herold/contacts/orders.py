"""Imports of orders: what people bought. An order is known by its id: imported again it is the same order, with what
was corrected; it never moves from one person to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from herold.contacts.events import CLOCK_TOLERANCE, HistoryResult, read_past
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
from herold.contacts.values import read_amount, read_string
from herold.errors import InvalidInput, Mistake
from herold.ledger.database import Connection, one

_FIELDS = ("external_id", "order_id", "at", "amount")
_MAX_ORDER_ID = 255
_MESSAGES: dict[Reason, str] = {
    "UnknownContact": "nobody has this external_id",
    "OrderOfAnother": "this order_id is recorded for somebody else",
}


class OrderRow(NamedTuple):
    """A checked order."""

    line: int
    external_id: str
    order_id: str
    at: datetime
    amount: Decimal


def import_orders(
    connection: Connection,
    path_or_stream: Path | BinaryIO,
    *,
    format: Format,  # noqa: A002 - what the reader calls it
    rejects: Path,
    on_progress: OnProgress = silent,
    on_read: OnProgress = silent,
    batch_rows: int = BATCH_ROWS,
) -> HistoryResult:
    """Import orders: external_id, order_id, at, amount. An order that stands in the file twice: the last counts, the
    earlier ones are `unchanged`. Errors and progress as in import_contacts."""
    with opened(path_or_stream, rejects) as (stream, name), rejects_file(rejects, format) as rejected:
        now: datetime = one(connection, "SELECT now()")[0]
        unknown: dict[str, Mistake] = {}
        rows = _rows(stream, name, format, now, unknown)
        with staging(connection, "staged_order"):
            connection.execute(
                "CREATE TEMP TABLE staged_order (line bigint NOT NULL, external_id text NOT NULL, "
                "order_id text NOT NULL, at timestamptz NOT NULL, amount numeric(18, 6) NOT NULL)"
            )
            read, last_line = stage_rows(connection, "pg_temp.staged_order", rows, rejected, on_read)
            if unknown:
                raise InvalidInput(list(unknown.values()), what="fields")
            superseded = connection.execute(sql("supersede_orders.sql")).rowcount
            connection.execute("CREATE INDEX ON staged_order (line)")
            connection.execute("ANALYZE staged_order")
            totals: Counter[str] = Counter()
            for after in range(0, last_line, batch_rows):
                batch = {"after": after, "to": after + batch_rows}
                with connection.transaction():
                    begin_batch(connection)
                    refused = connection.execute(sql("orders_refused.sql"), batch).fetchall()
                    taken, added, updated = one(connection, sql("orders.sql").decode(), batch)
                for line, reason in refused:
                    rejected.write(Reject(line, reason, _MESSAGES[reason]))
                totals += Counter(taken=taken, added=added, updated=updated)
                on_progress(totals["taken"])
    if totals["added"] >= BATCH_ROWS:
        connection.execute("SELECT analyze_people('purchase')")
    unchanged = totals["taken"] - totals["added"] - totals["updated"] + superseded
    return HistoryResult(
        read, totals["added"], totals["updated"], unchanged, rejected.counts.total(), dict(rejected.counts)
    )


def _rows(
    stream: BinaryIO, name: str, format_: Format, now: datetime, unknown: dict[str, Mistake]
) -> Iterator[OrderRow | Reject]:
    latest = now + CLOCK_TOLERANCE
    if format_ == "csv":
        file = CsvFile(stream, name)
        check_header(file.header, list(_FIELDS), _FIELDS, file=name)
        at = [file.header.index(field) for field in _FIELDS]
        return (each if isinstance(each, Reject) else _read_csv(each, at, latest) for each in file.records())
    return (
        each if isinstance(each, Reject) else _read_json(each, latest, name, unknown)
        for each in JsonlFile(stream).records()
    )


def _read_csv(record: CsvRecord, at: list[int], latest: datetime) -> OrderRow | Reject:
    line, fields = record
    if len(fields) != len(at):
        return Reject(line, "Malformed", f"has {len(fields)} fields, the header {len(at)}", csv_text(fields))
    who, order, when, amount = (fields[index] for index in at)
    row = _read(line, unguarded(who), unguarded(order), when, amount, latest)
    return row if isinstance(row, OrderRow) else Reject(line, "Invalid", row, csv_text(fields))


def _read_json(record: JsonRecord, latest: datetime, file: str, unknown: dict[str, Mistake]) -> OrderRow | Reject:
    line, value = record
    for name in value.keys() - set(_FIELDS):
        if len(unknown) < 100:
            fix = near(name[:200], list(_FIELDS))
            unknown.setdefault(name, Mistake(file, line, 1, name[:200], "is not a field known here", fix))
    who, order, when, amount = (value.get(name) for name in _FIELDS)
    row = _read(line, who, order, when, amount, latest)
    return row if isinstance(row, OrderRow) else Reject(line, "Invalid", row, json_line(value))


def _read(line: int, external_id: Any, order_id: Any, at: Any, amount: Any, latest: datetime) -> OrderRow | str:
    mistakes: list[str] = []
    who, order, when, sum_ = "", "", latest, Decimal(0)
    try:
        who = read_external_id(external_id)
    except ValueError as error:
        mistakes.append(f"external_id {error}")
    try:
        order = _read_order_id(order_id)
    except ValueError as error:
        mistakes.append(f"order_id {error}")
    try:
        when = read_past(at, latest)
    except ValueError as error:
        mistakes.append(f"at {error}")
    try:
        sum_ = read_amount(amount)
    except ValueError as error:
        mistakes.append(f"amount {error}")
    return "; ".join(mistakes) if mistakes else OrderRow(line, who, order, when, sum_)


def _read_order_id(value: Any) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.strip():
        raise ValueError("is missing")
    return read_string(text.strip(), longest=_MAX_ORDER_ID)
