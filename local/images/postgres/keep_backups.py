#!/usr/bin/python3
"""Beside each member: where it leads, base backups by pgBackRest when they are due. PostgreSQL itself archives its WAL.

A full one each week, one of the difference each day, the first as soon as there is a database. Old ones go by the
retention in pgBackRest's own settings.
"""

from __future__ import annotations

import datetime as dt
import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from typing import Any

STANZA = "herold"
LOOK_SECONDS = 20.0
FULL, DIFFERENCE = dt.timedelta(days=7), dt.timedelta(days=1)


def leads() -> bool:
    """Whether this pod's member leads: Patroni answers 200 for that, 503 otherwise."""
    try:
        with urllib.request.urlopen("http://127.0.0.1:8008/leader", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def find_due(info: list[dict[str, Any]], now: dt.datetime) -> str | None:
    """`create`, `full`, `diff` or None, from `pgbackrest info --output=json`."""
    if not info or not info[0].get("db"):
        return "create"
    backups = info[0].get("backup", ())
    ends = [dt.datetime.fromtimestamp(backup["timestamp"]["stop"], dt.UTC) for backup in backups]
    full = [end for end, backup in zip(ends, backups, strict=True) if backup["type"] == "full"]
    if not full or now - max(full) >= FULL:
        return "full"
    return "diff" if now - max(ends) >= DIFFERENCE else None


def pgbackrest(*words: str) -> str:
    """Standard output. Raises CalledProcessError."""
    command = ["pgbackrest", f"--stanza={STANZA}", *words]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def main() -> None:
    """For ever."""
    # The first process of a container hears of it only so. A backup that is cut off is none.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    told = ""
    while True:
        try:
            if leads():
                due = find_due(json.loads(pgbackrest("info", "--output=json")), dt.datetime.now(dt.UTC))
                if due == "create":
                    pgbackrest("stanza-create")
                elif due:
                    pgbackrest("backup", f"--type={due}")
                    print(f"backup: {due}", flush=True)
        except (subprocess.CalledProcessError, ValueError) as error:
            if str(error) != told:
                told = str(error)
                print(f"no backup: {error}; looking again every {LOOK_SECONDS:.0f} s", flush=True)
        threading.Event().wait(LOOK_SECONDS)


if __name__ == "__main__":
    main()
