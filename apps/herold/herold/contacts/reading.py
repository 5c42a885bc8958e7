"""Records of CSV (RFC 4180) and JSON Lines files, in UTF-8, with their line numbers.

Whatever the file holds, memory stays small: a line has at most 128 KiB, a CSV record at most 64 lines, and a quote that
nobody closed costs its own line and not the rest of the file.
"""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO, NamedTuple

from herold.contacts.rejects import Reason, Reject
from herold.errors import InvalidInput, Mistake

MAX_LINE = 131_072  # bytes; also the longest field that Python's csv takes
MAX_LINES = 64  # physical lines of one CSV record
_BOM = b"\xef\xbb\xbf"


class CsvRecord(NamedTuple):
    """Fields of one CSV record that begins in `line`."""

    line: int
    fields: list[str]


class JsonRecord(NamedTuple):
    """One JSON object, numbers with a point as Decimal."""

    line: int
    value: dict[str, Any]


class _BadLine(Exception):
    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class _Lines:
    """Physical lines, decoded one at a time; keeps those of the record being read, to read them again."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._again: deque[str | _BadLine] = deque()
        self._number = 0
        self.current: list[str | _BadLine] = []

    @property
    def number(self) -> int:
        """Number of the line that was given out last."""
        return self._number

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.current) >= MAX_LINES:
            raise _BadLine("Malformed", "a quote is opened here and not closed")
        item = self._again.popleft() if self._again else self._read()
        self._number += 1
        self.current.append(item)
        if isinstance(item, _BadLine):
            raise item
        return item

    def replay(self) -> None:
        """Give out again all lines of the current record but its first."""
        self._number -= len(self.current) - 1
        self._again.extendleft(reversed(self.current[1:]))
        self.current = self.current[:1]

    def _read(self) -> str | _BadLine:
        data = self._stream.readline(MAX_LINE + 1)
        if not data:
            raise StopIteration
        if self._number == 0 and data.startswith(_BOM):
            data = data[len(_BOM) :]
        if len(data) > MAX_LINE:
            while data and not data.endswith(b"\n"):
                data = self._stream.readline(MAX_LINE)
            return _BadLine("TooLong", f"the line has more than {MAX_LINE} bytes")
        if b"\0" in data:
            return _BadLine("NulCharacter", "the line has a NUL character")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            return _BadLine("NotUtf8", f"byte {error.start + 1} of the line is not UTF-8")


class CsvFile:
    """A CSV file with a header. Raises InvalidInput when it has none that can be read."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._lines = _Lines(stream)
        self.header: list[str] = self._read_header(name)

    def _read_header(self, name: str) -> list[str]:
        first = next(self.records(), None)
        if first is None:
            raise InvalidInput([Mistake(name, 1, 1, "", "the file is empty", "begin with a line of column names")])
        if isinstance(first, Reject):
            fix = "save the file as UTF-8" if first.reason in ("NotUtf8", "NulCharacter") else None
            raise InvalidInput([Mistake(name, first.line, 1, "", f"no header: {first.message}", fix)])
        if len(first.fields) == 1 and any(mark in first.fields[0] for mark in (";", "\t")):
            fix = "save the file with commas between the fields"
            raise InvalidInput([Mistake(name, first.line, 1, "", "the fields are not separated by commas", fix)])
        return [field.strip() for field in first.fields]

    def records(self) -> Iterator[CsvRecord | Reject]:
        """The records from here on. Empty lines are passed over."""
        lines = self._lines
        reader = csv.reader(lines, strict=True)
        while True:
            lines.current = []
            line = lines.number + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except _BadLine as bad:
                # The bad line may be a later one of the record: then its first line opened a quote, and is the reject.
                later = len(lines.current) > 1
                message = "a quote is opened here and not closed" if later else bad.message
                yield Reject(line, "Malformed" if later else bad.reason, message, _text(lines.current[0]))
            except csv.Error as error:
                yield Reject(line, "Malformed", str(error), _text(lines.current[0]))
            else:
                if fields:
                    yield CsvRecord(line, fields)
                continue
            lines.replay()
            reader = csv.reader(lines, strict=True)


class JsonlFile:
    """A file with one JSON object a line."""

    def __init__(self, stream: BinaryIO) -> None:
        self._lines = _Lines(stream)

    def records(self) -> Iterator[JsonRecord | Reject]:
        """All objects. Empty lines are passed over."""
        lines = self._lines
        decode = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant).decode
        while True:
            lines.current = []
            try:
                text = next(lines)
            except StopIteration:
                return
            except _BadLine as bad:
                yield Reject(lines.number, bad.reason, bad.message)
                continue
            if text.isspace():
                continue
            try:
                value = decode(text)
            except (ValueError, RecursionError) as error:
                yield Reject(lines.number, "Malformed", f"not JSON: {_short(error)}", text.rstrip("\n"))
                continue
            if isinstance(value, dict):
                yield JsonRecord(lines.number, value)
            else:
                yield Reject(lines.number, "Malformed", "not a JSON object", text.rstrip("\n"))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _short(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def _text(item: str | _BadLine) -> str:
    return item.rstrip("\r\n") if isinstance(item, str) else ""
