"""Logs: one JSON object a line, ids and names of resources, never personal data."""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from typing import IO, Any

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Journal:
    """Writes events to standard error."""

    def __init__(self, level: str, stream: IO[str] | None = None) -> None:
        self._least = _LEVELS[level]
        self._stream = stream or sys.stderr
        self._lock = threading.Lock()

    def write(self, level: str, event: str, **fields: Any) -> None:
        """One line. `event` is one word; fields are names, ids and numbers."""
        if _LEVELS[level] < self._least:
            return
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event, **fields}
        with self._lock:
            self._stream.write(json.dumps(line, default=str) + "\n")
            self._stream.flush()

    def take_over(self) -> None:
        """Logs of libraries go the same way: warnings and worse, without their arguments' objects."""
        handler = _Handler(self)
        root = logging.getLogger()
        root.handlers[:] = [handler]
        root.setLevel(logging.WARNING)
        logging.captureWarnings(True)


class _Handler(logging.Handler):
    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        self._journal.write(level, "library", logger=record.name, message=record.getMessage()[:500])
