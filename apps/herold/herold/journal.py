"""What processes say: one JSON object a line on standard error, the same form for all of them, and no personal data.

Fields are ids, counts, codes and our own words. What a relay, a person or a database wrote is not among them: it may
quote an address. docs/reference/logs.md is generated from `FIELDS` and from the lists of lines of each process.
"""

from __future__ import annotations

import copy
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

FIELDS: Mapping[str, str] = {
    "at": "When it was written, UTC, RFC 3339 with milliseconds.",
    "level": "`debug`, `info`, `warning` or `error`; `HEROLD_LOG_LEVEL` is the least that is written.",
    "service": "Which process writes: `worker`, `operator`, `reader`.",
    "event": "What happened, in one word; the tables below have them all.",
    "run": "Id of the run, as `herold status` shows it.",
    "window": "Id of the window: the set of messages that were let go together.",
    "lane": "Id of the lane: a route and a group of recipient domains.",
    "worker": "Id of the worker's lease. A worker that lost its lease goes on under another.",
    "attempt": "Which try of a message, from 1.",
    "slot": "Number of the worker's connection.",
    "position": "Place of a message in its run; only the ledger knows whose it is.",
    "campaign": "Namespace and name of a Campaign.",
    "approval": "Name of a CampaignApproval, beside its campaign.",
    "above": "More people than so many take a second person; -1: nobody does.",
    "task": "Id of a task of the ledger: an audience that is to be built.",
    "job": "Name of the Job that does a task.",
    "sender": "Namespace and name of a SenderProfile.",
    "kind": "Kind of a resource, or what became of a message.",
    "resource": "Namespace and name of a resource.",
    "identity": "Name of the operator's replica.",
    "error": "Class of an error.",
    "where": "File and line where it was raised.",
    "message": "Our own words about it.",
    "reason": "A reason, as conditions have it.",
    "code": "The relay's reply code; 0: there was none.",
    "enhanced": "The relay's enhanced status code (RFC 3463).",
    "detail": "Our own words about a connection that failed; of a relay's reply only the codes are logged.",
    "permanent": "Whether a person must act.",
    "repeats": "How many times the same line was left out since it was last written.",
    "seconds": "How long it took, or lasted.",
    "messages": "Number of messages.",
    "sent": "Messages that the relay took.",
    "failed": "Messages that were refused for good.",
    "deferred": "Messages that are tried again later.",
    "uncertain": "Messages possibly not received.",
    "returned": "Messages that were not begun and went back.",
    "leases": "Number of leases that were taken.",
    "slots": "Number of the worker's connections.",
    "lost": "Whether the lease was lost.",
    "replicas": "Number of workers that are asked for.",
    "due": "Messages that are due.",
    "held": "Number of holds put on.",
    "released": "Number of holds taken off.",
    "suspend": "Whether the run was suspended (`true`) or resumed (`false`).",
    "stop": "Id of the run that was stopped for good.",
    "planned": "People of the audience.",
    "occurrence": "Which occurrence of the campaign.",
    "port": "TCP port.",
    "ask": "What the read service was asked for.",
    "status": "The HTTP status of an answer.",
    "logger": "Name of the library's logger.",
}

# Said by every slot at every try while it lasts: one a second tells as much.
_ONCE_A_SECOND = frozenset({"ledger_is_away", "route_fault"})
_WITH_AT = re.compile(r"\S*@\S*")
ADDRESS = "<address>"


class Journal:
    """Writes lines. `write` is safe from every thread."""

    def __init__(self, service: str, level: str, stream: IO[str] | None = None) -> None:
        self._service = service
        self._least = LEVELS[level]
        self._stream = stream or sys.stderr
        self._ids: dict[str, object] = {}
        self._lock = threading.Lock()
        self._last: dict[str, tuple[float, int]] = {}

    @property
    def is_debug(self) -> bool:
        """Ask before collecting what only a line of level `debug` needs."""
        return self._least <= LEVELS["debug"]

    def about(self, **ids: object) -> Journal:
        """A journal whose every line has these fields too."""
        other = copy.copy(self)  # the lock and what was said last are shared
        other._ids = self._ids | ids
        return other

    def write(self, level: str, event: str, **fields: object) -> None:
        """One line. Names of `fields` are those of `FIELDS`; None is left out."""
        if LEVELS[level] < self._least:
            return
        with self._lock:
            if event in _ONCE_A_SECOND:
                at, repeats = self._last.get(event, (0.0, 0))
                if at and time.monotonic() - at < 1.0:
                    self._last[event] = (at, repeats + 1)
                    return
                self._last[event] = (time.monotonic(), 0)
                fields |= {"repeats": repeats} if repeats else {}
            line: dict[str, object] = {
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "level": level,
                "service": self._service,
                "event": event,
                **self._ids,
                **{name: _plain(value) for name, value in fields.items() if value is not None},
            }
            self._stream.write(json.dumps(line, default=str) + "\n")
            self._stream.flush()

    def take_over(self) -> None:
        """Libraries' warnings and worse go the same way, as one line without a traceback, which may quote values."""
        logging.getLogger().handlers[:] = [_Handler(self)]
        logging.getLogger().setLevel(logging.WARNING)
        logging.captureWarnings(True)


def place_of(error: BaseException) -> str:
    """File and line where it was raised. Its text may quote a person's data; its class and place don't."""
    trace = error.__traceback__
    place = ""
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _plain(value: object) -> object:
    """The last guard: whatever looks like an address is none any more."""
    if isinstance(value, str) and "@" in value:
        return _WITH_AT.sub(ADDRESS, value)
    return value


class _Handler(logging.Handler):
    """What a library wants to say. Its arguments may be anything: only the form of its words is kept."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        error = record.exc_info[1] if record.exc_info else None
        fields = {"error": type(error).__name__, "where": place_of(error)} if error is not None else {}
        # A warning of Python's has no other words than its argument.
        words = record.getMessage() if record.name == "py.warnings" else str(record.msg)
        self._journal.write(level, "library", logger=record.name, message=words.partition("\n")[0][:200], **fields)
