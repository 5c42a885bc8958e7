"""What a worker says: one JSON object a line, with ids and counts, and no personal data."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime


class Journal:
    """Lines to standard error. The same complaint again within a second is left out."""

    def __init__(self, level: str = "info") -> None:
        self._silent = level == "error"
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}

    def write(self, message: str, **fields: object) -> None:
        """`fields` are ids, counts and codes."""
        if self._silent:
            return
        now = datetime.now(UTC)
        with self._lock:
            if now.timestamp() - self._last.get(message, 0.0) < 1.0 and message in ("ledger away", "route fault"):
                return
            self._last[message] = now.timestamp()
            line = {"time": now.isoformat(timespec="milliseconds"), "message": message, **fields}
            print(json.dumps(line, default=str), file=sys.stderr, flush=True)
