"""Rejects: what an import did not take, with the line, the reason, and what was read, for whoever mends the file."""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from herold.contacts.spreadsheet import guarded
from herold.errors import HeroldError

Format = Literal["csv", "jsonl"]
Reason = Literal[
    "NotUtf8",  # a byte that is not UTF-8
    "NulCharacter",
    "TooLong",  # a line or a value
    "Malformed",  # not CSV, not JSON, another number of fields than the header
    "Invalid",  # a value that its column does not take
    "Erased",  # the person asked to be forgotten
    "ConsentNotNewer",  # the row was taken, its grant was not: the recorded withdrawal is newer
    "UnknownContact",  # an event or order of nobody
    "OrderOfAnother",  # the order is recorded, of another contact
]
_RECORD_LENGTH = 4_096


@dataclass(frozen=True, slots=True)
class Reject:
    """One thing that was not taken. `line` counts from 1; `record` is what stood there, cut at 4,096 characters."""

    line: int
    reason: Reason
    message: str
    record: str = ""


class Rejects:
    """The rejects file, in the format of the import: `line, reason, message, record`."""

    def __init__(self, file: TextIO, format_: Format) -> None:
        self._file = file
        self._csv = csv.writer(file, lineterminator="\n") if format_ == "csv" else None
        self.counts: Counter[Reason] = Counter()

    def write(self, reject: Reject) -> None:
        """Append one."""
        record = reject.record[:_RECORD_LENGTH]
        if self._csv is None:
            row = {"line": reject.line, "reason": reject.reason, "message": reject.message, "record": record}
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        else:
            if not self.counts:
                self._csv.writerow(("line", "reason", "message", "record"))
            self._csv.writerow((reject.line, reject.reason, guarded(reject.message), guarded(record)))
        self.counts[reject.reason] += 1


def csv_text(fields: list[str]) -> str:
    """A record as it may have stood in the file."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(fields)
    return out.getvalue()


def json_line(value: dict[str, Any]) -> str:
    """The same for an object."""
    return json.dumps(value, ensure_ascii=False, default=str)


@contextmanager
def rejects_file(path: Path, format_: Format) -> Iterator[Rejects]:
    """The file at `path`, made anew and readable by its owner only (0600); none is left when nothing was rejected."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise HeroldError(f"the rejects file {path} cannot be written: {error.strerror}") from None
    os.fchmod(handle, 0o600)  # it may be an older file
    # What can't be written as UTF-8 (half of a surrogate pair, from JSON) is shown escaped.
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        rejects = Rejects(file, format_)
        try:
            yield rejects
        finally:
            if not rejects.counts:
                path.unlink()
