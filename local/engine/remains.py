"""What a session that was killed left behind: processes that go on, the engine's lock, operations without an end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path


def end_processes(home: Path) -> None:
    """End the engine and the plugins that were started with this home."""
    for pid in _of_home(home):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def members(session: int) -> list[int]:
    """The processes of a session of the kernel's."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(ValueError, ProcessLookupError):
            if os.getsid(int(folder.name)) == session:
                found.append(int(folder.name))
    return found


def drop_files(state: Path) -> None:
    """The engine's locks, and what it had begun to write. Only for who knows that no engine is at work there.

    `.attrs` lie beside what is stored, say its type, and are written in place: of a killed engine one may be empty, and
    then what lies beside it is not read (gocloud.dev/blob/fileblob). Nothing is lost with them.
    """
    kept = state / ".pulumi"
    for stale in (*(kept / "locks").rglob("*.json"), *kept.rglob("*.attrs"), *kept.rglob("*.tmp")):
        stale.unlink()


def was_cut_off(stored: Path) -> bool:
    """Whether a stack's state has operations of which nobody knows the end."""
    latest = json.loads(stored.read_text())["checkpoint"].get("latest") or {}
    return bool(latest.get("pending_operations"))


def _of_home(home: Path) -> list[int]:
    mark = f"PULUMI_HOME={home}".encode()
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in file.read_bytes().split(b"\0"):
                found.append(int(file.parent.name))
    return found
