"""The fence: whether the ledger forgot something (a restored backup, a lost promotion). Then all claims stop.

What the ledger knew is remembered outside it: in a file beside each worker, in the evidence of its windows, on the
operator's Lease. PostgreSQL's identity and timeline may never go back. Marks tell exactly: rows that one process alone
moves, in the transaction that they stand for (sql/marks.sql). Who remembers a later number than the row has knows that
this transaction was forgotten, whatever was written afterwards.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID, uuid4

from psycopg.rows import TupleRow

from herold.errors import Refused, Temporary
from herold.ledger.database import AsyncConnection, Connection, one

_LOOK: LiteralString = (
    "SELECT system, timeline, windows, accepted, marked, worker_id, slot, number, unknown "
    "FROM ledger_look(%s::uuid[], %s::int2[], %s::int8[])"
)
_REGRESS: LiteralString = "SELECT ledger_regress(%s, %s)"


@dataclass(frozen=True, slots=True)
class Mark:
    """A transaction that was committed: of a slot (its window), of a lease (slot -1), of somebody who looked (-2)."""

    worker: UUID
    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class Memory:
    """A mark that was seen, and when a person had accepted the ledger last by then (microseconds since 1970, 0: never).

    What was remembered before a person accepts is over with that; an acceptance may be forgotten like anything else.
    """

    mark: Mark
    accepted: int


@dataclass(frozen=True, slots=True)
class Fence:
    """What can only grow while the ledger is the same. `mark` is the newest one, made at `marked` (microseconds)."""

    system: int
    timeline: int
    windows: int
    accepted: int = 0
    marked: int = 0
    mark: Mark | None = None

    def memories(self) -> tuple[Memory, ...]:
        """What whoever mirrored this remembers."""
        return () if self.mark is None else (Memory(self.mark, self.accepted),)

    def to_json(self) -> str:
        """As it is mirrored."""
        content: dict[str, Any] = {"system": self.system, "timeline": self.timeline, "windows": self.windows}
        content |= {"accepted": self.accepted, "marked": self.marked}
        if self.mark is not None:
            content["mark"] = [str(self.mark.worker), self.mark.slot, self.mark.number]
        return json.dumps(content)

    @classmethod
    def from_json(cls, text: str) -> Fence:
        """What `to_json` of this version or the one before wrote. Raises ValueError, KeyError and TypeError."""
        content = json.loads(text)
        mark = content.get("mark")
        return cls(
            int(content["system"]),
            int(content["timeline"]),
            int(content["windows"]),
            int(content.get("accepted", 0)),
            int(content.get("marked", 0)),
            None if mark is None else Mark(UUID(mark[0]), int(mark[1]), int(mark[2])),
        )


def _asked(memories: Sequence[Memory]) -> tuple[list[UUID], list[int], list[int]]:
    """The arguments of `ledger_look`."""
    marks = [memory.mark for memory in memories]
    return [mark.worker for mark in marks], [mark.slot for mark in marks], [mark.number for mark in marks]


def _forgotten(memories: Sequence[Memory], accepted: int, unknown: Sequence[int]) -> str | None:
    """Why something that is remembered was forgotten, or None. `unknown` are places in `memories`, from 1."""
    if any(memory.accepted > accepted for memory in memories):
        return "it does not know that a person accepted it"
    for place in unknown:
        memory = memories[place - 1]
        if memory.accepted == accepted:
            what = f"window {memory.mark.number}, which was opened" if memory.mark.slot >= 0 else "what was seen last"
            return f"it does not know {what}"
    return None


def _regression(now: Fence, mirror: Fence | None) -> str | None:
    """Why the ledger went backwards against its mirror by its numbers, or None."""
    if mirror is None or now.accepted > mirror.accepted:
        return None
    if now.system != mirror.system:
        return "it is another PostgreSQL cluster than before"
    if now.timeline < mirror.timeline:
        return f"its timeline went back from {mirror.timeline} to {now.timeline}"
    # Where a mark was seen it tells exactly; this number may be of a window that was never committed.
    if mirror.mark is None and now.windows < mirror.windows:
        return f"it knows {now.windows} windows, {mirror.windows} were opened"
    return None


def look(connection: Connection, mirror: Fence | None, remembered: Sequence[Memory] = ()) -> tuple[Fence, str | None]:
    """The fence now; and why the ledger went backwards against what is remembered of it, or None.

    What is remembered must have been read before: others go on meanwhile.
    """
    memories = _all(mirror, remembered)
    return _compared(one(connection, _LOOK, _asked(memories)), mirror, memories)


def read_fence(connection: Connection) -> Fence:
    """The ledger's fence now."""
    return look(connection, None)[0]


def mirrored_fence(path: Path) -> Fence | None:
    """The fence as last seen, or None. Raises Temporary where it can't be told."""
    try:
        return Fence.from_json(path.read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Temporary(f"{path} can't be read: {error.strerror}", hint="nothing begins before it is told") from None


def write_fence(path: Path, fence: Fence) -> None:
    """Replace the mirror in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(fence.to_json())
    temporary.replace(path)


async def admit(connection: AsyncConnection, path: Path, remembered: Sequence[Memory]) -> Fence | None:
    """A worker's look at the fence on every new connection, and on every beat; None: all claims have stopped.

    `remembered` is what windows left beside the mirror. What was seen may be mirrored (`mirror`) once something that
    this worker wrote afterwards was acknowledged: then a standby has it, too.
    """
    known = mirrored_fence(path)
    memories = _all(known, remembered)
    row = await (await connection.execute(_LOOK, _asked(memories))).fetchone()
    assert row is not None
    now, why = _compared(row, known, memories)
    if why is not None:
        await connection.execute(_REGRESS, (why, now.accepted))
        return None
    return now


def mirror(path: Path, seen: Fence | None) -> None:
    """Remember what was seen, if that is newer than what is remembered."""
    if seen is not None and moves(seen, mirrored_fence(path)):
        write_fence(path, seen)


def regress(connection: Connection, why: str, accepted: int) -> None:
    """Stop all claims: the ledger knows less than was seen of it. `accepted` is of the look that told: if a person
    accepted the ledger since, what was seen before is over."""
    connection.execute(_REGRESS, (why, accepted))


def check_fence(connection: Connection, path: Path, remembered: Sequence[Memory] = ()) -> None:
    """Compare and mirror. On a regression all claims stop, everywhere, and Refused is raised."""
    known_fence = mirrored_fence(path)
    now, why = look(connection, known_fence, remembered)
    if why is not None:
        regress(connection, why, now.accepted)
    known = one(connection, "SELECT regressed_why FROM installation WHERE singleton")[0]
    if known is not None:
        raise Refused(
            "LedgerRegressed",
            f"the ledger went backwards: {known}",
            hint="find out what was sent since (the relay's log), stop the runs that were sending then "
            "(herold stop --run ID), and only then: herold ledger accept --reason WHY",
        )
    if moves(now, known_fence):
        # A write of our own: when it is acknowledged a standby has all that was seen.
        connection.execute("SELECT ledger_mark(%s)", (uuid4(),))
        write_fence(path, now)


def accept_ledger(connection: Connection, path: Path, *, actor: str, reason: str) -> None:
    """A person takes the ledger as it is: the mirror is set to it, claims go on, and the deed is recorded."""
    mirror = mirrored_fence(path)
    with connection.transaction():
        # By the clock and not by the transaction, and later than any before: whatever anybody saw until now is older.
        connection.execute(
            "INSERT INTO audit (at, actor, action, target, detail) VALUES (greatest(clock_timestamp(), "
            "to_timestamp(%s / 1000000.0) + interval '1 ms'), %s, 'AcceptLedger', 'ledger', %s)",
            (mirror.accepted if mirror is not None else 0, actor, json.dumps({"reason": reason})),
        )
        # Ids that were given out before must not be given out again: evidence and logs name them.
        if mirror is not None:
            connection.execute(
                "SELECT setval('send_window_id_seq', greatest(%s, coalesce(pg_sequence_last_value("
                "'send_window_id_seq'), 1)))",
                (mirror.windows + 1,),
            )
        connection.execute("UPDATE installation SET regressed_at = NULL, regressed_why = NULL")
    write_fence(path, read_fence(connection))


def moves(now: Fence, mirror: Fence | None) -> bool:
    """Whether what was seen is newer than what is mirrored. Whoever looked earlier and comes later changes nothing."""
    if mirror is None or now.accepted > mirror.accepted or now.timeline > mirror.timeline:
        return True
    return now.marked >= mirror.marked and (now.mark != mirror.mark or now.windows > mirror.windows)


def _all(mirror: Fence | None, remembered: Sequence[Memory]) -> list[Memory]:
    return [*(() if mirror is None else mirror.memories()), *remembered]


def _compared(row: TupleRow, mirror: Fence | None, memories: Sequence[Memory]) -> tuple[Fence, str | None]:
    system, timeline, windows, accepted, marked, worker, slot, number, unknown = row
    mark = None if worker is None else Mark(worker, slot, number)
    now = Fence(system, timeline, windows, accepted, marked or 0, mark)
    return now, _regression(now, mirror) or _forgotten(memories, accepted, unknown)
