"""Local evidence: one byte a message in a memory-mapped file, so that a killed worker leaves little uncertain.

The byte is written before the first byte of a text leaves, and again when its reply is read. The file survives the
process (it lives in the page cache), not the machine: it is believed only under the boot in which it was written. Its
owner holds a lock on it for life; who gets that lock knows that the owner is dead, and that nothing more will leave.
It also remembers each slot's window for the fence: a ledger that does not know it went backwards.

Layout: 64 bytes of header (boot id; from 40 when the ledger was accepted last), then for each slot 8 bytes (window id,
little-endian) and one byte a message.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import UUID

from herold.ledger.claims import WINDOW_LIMIT, Kind
from herold.ledger.fence import Mark, Memory

_HEADER, _ACCEPTED = 64, 40
_SLOT = 8 + WINDOW_LIMIT + (-WINDOW_LIMIT) % 8

NOTHING, BEGUN, ACCEPTED, REFUSED = 0, 1, 2, 3
_BLANK = bytes(_SLOT - 8)


def boot_id() -> bytes:
    """Identity of this boot of this machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    except OSError:
        return b""


def path_of(folder: Path, worker: UUID) -> Path:
    """Where a worker keeps its evidence."""
    return folder / f"{worker}.evidence"


class Evidence:
    """A worker's own evidence. Make it before the worker registers, so that no lease is without."""

    def __init__(self, folder: Path, worker: UUID, slots: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = path_of(folder, worker)
        self._file: IO[bytes] = self.path.open("x+b")
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._file.truncate(_HEADER + slots * _SLOT)
        self._map = mmap.mmap(self._file.fileno(), 0)
        self._map[: len(boot_id())] = boot_id()

    def begin(self, accepted: int) -> None:
        """Before the first window: when a person had accepted the ledger last (microseconds since 1970, 0: never)."""
        self._map[_ACCEPTED:48] = struct.pack("<q", accepted)

    def open_window(self, slot: int, window_id: int) -> int:
        """Forget the slot's last window; nothing of this one is begun. Gives the place of its first byte."""
        start = _HEADER + slot * _SLOT
        # The bytes first: with the old id they say nothing about the new window.
        self._map[start + 8 : start + _SLOT] = _BLANK
        self._map[start : start + 8] = struct.pack("<q", window_id)
        return start + 8

    def mark(self, place: int, what: int) -> None:
        """`place` is `open_window(…)` plus the message's index in the window."""
        self._map[place] = what

    def close(self, *, forget: bool) -> None:
        """Let go. `forget`: nothing is left that anybody could ask for."""
        self._map.close()
        if forget:
            self.path.unlink(missing_ok=True)
        self._file.close()


@dataclass(frozen=True, slots=True)
class Testimony:
    """What a dead worker's evidence says. The lock is held until `close`, so that one taker at a time reads it."""

    content: bytes
    path: Path
    file: IO[bytes]

    def kinds(self, slot: int, window_id: int, count: int) -> list[Kind]:
        """What became of each message of a window. One that is newer than what the slot knows was not begun.

        An older one was recorded before the slot opened the next: the ledger was put back to a copy of itself.
        """
        start = _HEADER + slot * _SLOT
        area = self.content[start : start + _SLOT]
        known = struct.unpack("<q", area[:8])[0] if len(area) == _SLOT else 0
        if known != window_id:
            return ["returned" if known < window_id else "uncertain"] * count
        meaning: dict[int, Kind] = {NOTHING: "returned", BEGUN: "uncertain", ACCEPTED: "sent", REFUSED: "returned"}
        return [meaning.get(byte, "uncertain") for byte in area[8 : 8 + count]]

    def close(self, *, forget: bool) -> None:
        if forget:
            self.path.unlink(missing_ok=True)
        self.file.close()


def testimony(folder: Path, worker: UUID) -> Testimony | None:
    """Evidence of a worker that is certainly dead, written under this boot; None when it lives or can't be known."""
    path = path_of(folder, worker)
    try:
        file = path.open("r+b")
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    content = os.pread(file.fileno(), 1 << 24, 0)
    if not boot_id() or content[: len(boot_id())] != boot_id():
        file.close()
        return None
    return Testimony(content, path, file)


def remembered(folder: Path) -> list[Memory]:
    """Windows that the workers of this machine, dead or alive, were given by the ledger: the last one of each slot.

    Each was written down before its first message was begun. What is of another boot is not believed.
    """
    found = []
    for path in sorted(folder.glob("*.evidence")):
        try:
            worker, content = UUID(path.stem), path.read_bytes()
        except (OSError, ValueError):  # it ended at this very moment
            continue
        if not boot_id() or content[: len(boot_id())] != boot_id():
            continue
        (accepted,) = struct.unpack_from("<q", content, _ACCEPTED)
        for slot, place in enumerate(range(_HEADER, len(content) - _SLOT + 1, _SLOT)):
            (window,) = struct.unpack_from("<q", content, place)
            if window:
                found.append(Memory(Mark(worker, slot, window), accepted))
    return found


def settle(kinds: Sequence[Kind]) -> list[str | None]:
    """The detail that an outcome gets when evidence, and not a reply, settled it."""
    return ["TakenOver" if kind == "uncertain" else "FromEvidence" if kind == "sent" else None for kind in kinds]
