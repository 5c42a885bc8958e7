"""Imports of events and orders: of known people, once each."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from herold.contacts.erasing import erase
from herold.contacts.events import HistoryResult, import_events
from herold.contacts.finding import ExternalId
from herold.contacts.orders import import_orders
from herold.errors import InvalidInput
from herold.ledger.database import Connection
from herold.resources.contact_schema import ContactSchema

KEY = b"k" * 32
SCHEMA = ContactSchema.model_validate(
    {
        "metadata": {"name": "customers", "namespace": "shared"},
        "spec": {
            "events": [
                {"name": "page_view", "properties": [{"name": "path", "type": "String"}]},
                {"name": "cart_abandoned", "properties": [{"name": "value", "type": "Decimal"}]},
            ],
            "brands": ["shop"],
            "topics": [{"name": "offers"}],
        },
    }
)


@pytest.fixture
def people(any_connection: Connection) -> Connection:
    """Two known people, A1 and A2."""
    any_connection.execute("INSERT INTO contact (external_id) VALUES ('A1'), ('A2')")
    return any_connection


def stream(content: str | list[dict[str, Any]]) -> tuple[io.BytesIO, Literal["csv", "jsonl"]]:
    if isinstance(content, str):
        return io.BytesIO(content.encode()), "csv"
    return io.BytesIO("\n".join(json.dumps(each) for each in content).encode()), "jsonl"


def events(connection: Connection, tmp_path: Path, content: str | list[dict[str, Any]]) -> HistoryResult:
    data, form = stream(content)
    return import_events(connection, data, schema=SCHEMA, format=form, rejects=tmp_path / "rejects", batch_rows=2)


def orders(connection: Connection, tmp_path: Path, content: str | list[dict[str, Any]]) -> HistoryResult:
    data, form = stream(content)
    return import_orders(connection, data, format=form, rejects=tmp_path / "rejects", batch_rows=2)


def test_events_of_both_formats_are_typed_and_recorded_once(people: Connection, tmp_path: Path) -> None:
    text = (
        "external_id,name,at,path,value\n"
        "A1,page_view,2026-01-01T10:00:00.250+01:00,/jazz,\n"
        "A2,cart_abandoned,2026-01-02T00:00:00Z,,19.90\n"
    )
    first = events(people, tmp_path, text)
    assert (first.read, first.added, first.rejected) == (2, 2, 0)
    same = [
        {"external_id": "A1", "name": "page_view", "at": "2026-01-01T09:00:00.25Z", "properties": {"path": "/jazz"}},
        {"external_id": "A2", "name": "cart_abandoned", "at": "2026-01-02T00:00:00Z", "properties": {"value": 19.90}},
        {"external_id": "A2", "name": "cart_abandoned", "at": "2026-01-02T00:00:01Z", "properties": {"value": 19.90}},
    ]
    again = events(people, tmp_path, same)
    assert (again.added, again.unchanged) == (1, 2)
    rows = people.execute("SELECT name, at, properties FROM event ORDER BY at LIMIT 2").fetchall()
    assert rows == [
        ("page_view", datetime(2026, 1, 1, 9, 0, 0, 250_000, UTC), {"path": "/jazz"}),
        ("cart_abandoned", datetime(2026, 1, 2, tzinfo=UTC), {"value": 19.9}),
    ]


def test_events_of_nobody_of_tomorrow_or_undeclared_are_rejected_with_the_reason(
    people: Connection, tmp_path: Path
) -> None:
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    at = "2026-01-01T00:00:00Z"
    result = events(
        people,
        tmp_path,
        [
            {"external_id": "X9", "name": "page_view", "at": at},
            {"external_id": "A1", "name": "page_view", "at": soon},
            {"external_id": "A1", "name": "page_vew", "at": at},
            {"external_id": "A1", "name": "page_view", "at": at, "properties": {"value": 1}},
            {"external_id": "A1", "name": "cart_abandoned", "at": at, "properties": {"value": "much"}},
            {"external_id": "A1", "name": "page_view", "at": at, "properties": []},
            {"external_id": "A1", "name": "page_view", "at": at, "properties": [1]},
        ],
    )
    assert (result.read, result.added) == (7, 1)
    assert result.reasons == {"Invalid": 5, "UnknownContact": 1}
    told = {row["line"]: row["message"] for row in map(json.loads, (tmp_path / "rejects").read_text().splitlines())}
    assert told[1] == "nobody has this external_id"
    assert told[2] == "at lies in the future"
    assert "ContactSchema" in told[3]
    assert "'value' is not a property" in told[4]


def test_unknown_columns_of_events_and_orders_are_named(people: Connection, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="write path"):
        events(people, tmp_path, "external_id,name,at,pth\n")
    with pytest.raises(InvalidInput, match="write amount"):
        orders(people, tmp_path, "external_id,order_id,at,amuont\n")
    with pytest.raises(InvalidInput, match="write amount"):
        orders(people, tmp_path, [{"external_id": "A1", "order_id": "1", "at": "2026-01-01T00:00:00Z", "amont": "1"}])
    assert people.execute("SELECT (SELECT count(*) FROM event) + (SELECT count(*) FROM purchase)").fetchone() == (0,)


def test_an_order_is_recorded_once_and_corrected_in_place(people: Connection, tmp_path: Path) -> None:
    head = "external_id,order_id,at,amount\n"
    assert (
        orders(people, tmp_path, head + "A1,O1,2026-01-01T00:00:00Z,10\nA2,O2,2026-01-01T00:00:00Z,-5.5\n").added == 2
    )
    again = orders(people, tmp_path, head + "A1,O1,2026-01-01T00:00:00Z,10.00\nA2,O2,2026-01-01T00:00:00Z,7\n")
    assert (again.added, again.updated, again.unchanged) == (0, 1, 1)
    rows = people.execute("SELECT order_id, amount::float FROM purchase ORDER BY 1").fetchall()
    assert rows == [("O1", 10.0), ("O2", 7.0)]


def test_an_order_never_moves_to_somebody_else(people: Connection, tmp_path: Path) -> None:
    at = "2026-01-01T00:00:00Z"
    orders(people, tmp_path, [{"external_id": "A1", "order_id": 17, "at": at, "amount": 10}])
    result = orders(people, tmp_path, [{"external_id": "A2", "order_id": "17", "at": at, "amount": "1"}])
    assert result.reasons == {"OrderOfAnother": 1}
    assert people.execute("SELECT amount::float FROM purchase").fetchall() == [(10.0,)]


def test_an_order_twice_in_a_file_counts_as_its_last_row_says(people: Connection, tmp_path: Path) -> None:
    at = "2026-01-01T00:00:00Z"
    rows = [{"external_id": "A1", "order_id": "O1", "at": at, "amount": amount} for amount in ("1", "2", "3.000001")]
    result = orders(people, tmp_path, rows)
    assert (result.read, result.added, result.unchanged) == (3, 1, 2)
    assert people.execute("SELECT amount::text FROM purchase").fetchall() == [("3.000001",)]


@pytest.mark.parametrize("amount", ["", "NaN", "1e3", "1,5", "1.1234567", "1" * 13, None, True, [1]])
def test_an_amount_that_is_none_is_rejected(people: Connection, tmp_path: Path, amount: Any) -> None:
    row = {"external_id": "A1", "order_id": "O1", "at": "2026-01-01T00:00:00Z", "amount": amount}
    assert orders(people, tmp_path, [row]).reasons == {"Invalid": 1}


def test_the_history_of_an_erased_person_does_not_come_back(people: Connection, tmp_path: Path) -> None:
    erase(people, ExternalId("A1"), key=KEY, actor="test", reason="asked")
    row = "external_id,name,at\nA1,page_view,2026-01-01T00:00:00Z\n"
    assert events(people, tmp_path, row).reasons == {"UnknownContact": 1}
    row = "external_id,order_id,at,amount\nA1,O1,2026-01-01T00:00:00Z,1\n"
    assert orders(people, tmp_path, row).reasons == {"UnknownContact": 1}
