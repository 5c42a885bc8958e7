"""Files that are broken, or meant to break something: each costs its own rows, never the others, never the memory."""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from herold.contacts.importing import import_contacts
from herold.contacts.reading import MAX_LINE, CsvFile, CsvRecord, JsonlFile, JsonRecord
from herold.contacts.rejects import Reject
from herold.contacts.spreadsheet import guarded, unguarded
from herold.ledger.database import Connection
from herold.resources.contact_schema import ContactSchema

KEY = b"k" * 32
SCHEMA = ContactSchema.model_validate(
    {
        "metadata": {"name": "customers", "namespace": "shared"},
        "spec": {
            "attributes": [{"name": "first_name", "type": "String"}, {"name": "loyalty_points", "type": "Integer"}],
            "brands": ["shop"],
            "topics": [{"name": "offers"}],
        },
    }
)


def read_csv(data: bytes) -> tuple[list[list[str]], list[tuple[int, str]]]:
    """Records, and (line, reason) of rejects."""
    good: list[list[str]] = []
    bad: list[tuple[int, str]] = []
    for each in CsvFile(io.BytesIO(b"id,text\n" + data), "test").records():
        if isinstance(each, CsvRecord):
            good.append(each.fields)
        else:
            bad.append((each.line, each.reason))
    return good, bad


def test_quotes_commas_and_line_ends_inside_quotes_are_text() -> None:
    good, bad = read_csv(b'1,"a,b"\r\n2,"a ""b"" c"\r\n3,"two\nlines"\r\n\r\n4,""\n')
    assert good == [["1", "a,b"], ["2", 'a "b" c'], ["3", "two\nlines"], ["4", ""]]
    assert bad == []


def test_a_quote_that_nobody_closes_costs_its_own_line_only() -> None:
    good, bad = read_csv(b'1,a\n2,"open\n3,c\n4,"d"\n5,e\n')
    assert good == [["1", "a"], ["3", "c"], ["4", "d"], ["5", "e"]]
    assert bad == [(3, "Malformed")]


def test_a_quote_in_the_last_line_that_nobody_closes_costs_that_line_only() -> None:
    good, bad = read_csv(b'1,a\n2,"open')
    assert good == [["1", "a"]]
    assert bad == [(3, "Malformed")]


def test_a_thousand_lines_after_an_open_quote_are_all_read() -> None:
    good, bad = read_csv(b'0,"open\n' + b"".join(b"%d,x\n" % n for n in range(1, 1001)))
    assert [int(fields[0]) for fields in good] == list(range(1, 1001))
    assert bad == [(2, "Malformed")]


def test_an_open_quote_on_every_line_costs_bounded_work() -> None:
    started = time.process_time()
    _, bad = read_csv(b'1,"open\n' * 5_001)
    assert len(bad) >= 2_500
    assert time.process_time() - started < 20  # a file swallowed once for each line would take hours


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"2,a\0b", "NulCharacter"),
        (b"2,\xff\xfe", "NotUtf8"),
        (b"2,caf\xe9", "NotUtf8"),
        (b'2,"' + b"x" * 10_000_000 + b'"', "TooLong"),
        (b"2," + b"x" * (MAX_LINE + 1), "TooLong"),
        (b'2,"a"b', "Malformed"),
    ],
    ids=["nul", "utf16", "latin1", "10 MB quoted", "too long", "text after quote"],
)
def test_a_bad_line_costs_itself_only(line: bytes, reason: str) -> None:
    good, bad = read_csv(b"1,a\n" + line + b"\n3,c\n")
    assert good == [["1", "a"], ["3", "c"]]
    assert bad == [(3, reason)]


def test_a_bad_line_inside_an_open_quote_costs_both_lines_and_no_other() -> None:
    good, bad = read_csv(b'1,"open\n2,\xff\n3,c\n')
    assert good == [["3", "c"]]
    assert bad == [(2, "Malformed"), (3, "NotUtf8")]


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    assert CsvFile(io.BytesIO(b"\xef\xbb\xbfexternal_id,email\n"), "test").header == ["external_id", "email"]
    assert next(JsonlFile(io.BytesIO(b'\xef\xbb\xbf{"a": 1}\n')).records()) == JsonRecord(1, {"a": 1})


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[1]",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": 1} {"b": 2}',
        b'{"a": ' + b"9" * 5_000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 20_000,
    ],
    ids=["cut", "list", "text", "nan", "two", "huge number", "deep list", "deep object"],
)
def test_what_is_not_one_json_object_costs_its_line_only(line: bytes) -> None:
    found = list(JsonlFile(io.BytesIO(b'{"n": 1}\n' + line + b'\n\n{"n": 2}\n')).records())
    assert [each.value for each in found if isinstance(each, JsonRecord)] == [{"n": 1}, {"n": 2}]
    assert [(each.line, each.reason) for each in found if isinstance(each, Reject)] == [(2, "Malformed")]


@pytest.mark.parametrize(
    "text", ["=cmd()", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "''=1", "'", "", "O'Brien", "'x", "a=b"]
)
def test_guarded_text_starts_no_formula_and_reads_back_exactly(text: str) -> None:
    assert guarded(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert unguarded(guarded(text)) == text


def test_a_row_with_another_number_of_fields_is_rejected(connection: Connection, tmp_path: Path) -> None:
    data = b"external_id,first_name\nA1,Ann\nA2\nA3,Cy,more\nA4,Dee\n"
    result = import_contacts(
        connection, io.BytesIO(data), schema=SCHEMA, key=KEY, format="csv", source="t", rejects=tmp_path / "r"
    )
    assert (result.created, result.reasons) == (2, {"Malformed": 2})


def test_sql_and_copy_syntax_in_values_is_only_text(connection: Connection, tmp_path: Path) -> None:
    nasty = ["'; DROP TABLE contact; --", "\\.", "\\\\N", "a\tb", "a\nb", "%s %(x)s", "{{ 7*7 }}", "$1", "NULL"]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["external_id", "first_name"])
    writer.writerows([f"A{index}", text] for index, text in enumerate(nasty))
    import_contacts(
        connection,
        io.BytesIO(out.getvalue().encode()),
        schema=SCHEMA,
        key=KEY,
        format="csv",
        source="'; --",
        rejects=tmp_path / "r",
    )
    rows = connection.execute("SELECT attributes ->> 'first_name' FROM contact ORDER BY external_id").fetchall()
    assert [row[0] for row in rows] == nasty


class _Endless(io.RawIOBase):
    """A stream of so many bytes, none of which was ever in memory together."""

    def __init__(self, head: bytes, body: bytes, times: int) -> None:
        self._parts: Iterator[bytes] = iter([head, *[body] * times])
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        if not self._rest:
            self._rest = next(self._parts, b"")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def test_a_line_of_half_a_gigabyte_takes_no_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stream = io.BufferedReader(_Endless(b"id,text\n1,", b"x" * 1_048_576, 512))
    found = list(CsvFile(stream, "test").records())
    assert [(each.line, each.reason) for each in found if isinstance(each, Reject)] == [(2, "TooLong")]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


_IMPORTER = """
import sys
from pathlib import Path
from herold.contacts.importing import import_contacts
from herold.ledger.database import connect
from herold.resources.contact_schema import ContactSchema
url, path, schema, key = sys.argv[1:]
def told(count):
    print(count, flush=True)
    sys.stdin.readline()
import_contacts(connect(url), Path(path), schema=ContactSchema.model_validate_json(schema), key=key.encode(),
                format="jsonl", source="t", rejects=Path(path + ".rejects"), batch_rows=100, on_progress=told)
"""


def test_an_import_that_was_killed_is_completed_by_importing_again(
    connection: Connection, database: str, tmp_path: Path
) -> None:
    path = tmp_path / "people.jsonl"
    consent = [{"brand": "shop", "topic": "offers", "granted": True, "at": "2026-01-01T00:00:00Z"}]
    path.write_text(
        "".join(
            json.dumps({"external_id": f"A{n}", "email": f"a{n}@mail.example", "consents": consent}) + "\n"
            for n in range(1_000)
        )
    )
    child = subprocess.Popen(
        [sys.executable, "-c", _IMPORTER, database, str(path), SCHEMA.model_dump_json(), KEY.decode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child, child.stdin, child.stdout:
        for expected in (100, 200, 300):
            assert child.stdout.readline() == f"{expected}\n"
            if expected < 300:
                child.stdin.write("\n")
                child.stdin.flush()
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)
    counts = "SELECT (SELECT count(*) FROM contact), (SELECT count(*) FROM endpoint), (SELECT count(*) FROM consent)"
    assert connection.execute(counts).fetchone() == (300, 300, 300)
    result = import_contacts(
        connection, path, schema=SCHEMA, key=KEY, format="jsonl", source="t", rejects=tmp_path / "r"
    )
    assert (result.created, result.unchanged, result.consents_added) == (700, 300, 700)
    assert connection.execute(counts).fetchone() == (1_000, 1_000, 1_000)


def test_two_hundred_thousand_rows_stream_through(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    with path.open("w") as file:
        file.write("external_id,email,first_name,loyalty_points,consent:shop:offers\n")
        file.writelines(f"C{n},c{n}@mail.example,Name{n % 100},{n},granted\n" for n in range(200_000))
    heard: list[int] = []
    started = time.perf_counter()
    result = import_contacts(
        connection,
        path,
        schema=SCHEMA,
        key=KEY,
        format="csv",
        source="t",
        rejects=tmp_path / "r",
        on_progress=heard.append,
    )
    seconds = time.perf_counter() - started
    print(f"{result.read / seconds:,.0f} rows/s")
    assert (result.created, result.consents_added) == (200_000, 200_000)
    assert len(heard) >= 4
    assert heard == sorted(heard)
    assert heard[-1] == 200_000
