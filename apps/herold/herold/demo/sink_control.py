"""The sink's control port: counts, settings while it runs, and stops at exact points of a conversation.

One command a line, on loopback; each is answered by one line, `ok …` or `error …`:

    counts                        ok {"accepted": 12, "opened": 1, "open": 1, "held": 0, "faults": {"451": 2}}
    set delay-ms 5                each reply waits so long
    set accept-rate 800           messages a second, 0 for no limit
    set fault 451:0.1             adds a fault (see sink_faults)
    set no-faults                 removes all
    watch EVENT N                 ok ID; the N-th such event from now on, of any connection, is stopped at
    release ID                    goes on there
    drop ID                       that connection is closed there; what was not yet logged is not accepted

When a watch is reached, the line `hit ID EVENT RECIPIENT` comes unasked, and the sink handles nothing more of that
connection until `release` or `drop`. Events, as seen on the wire:

    opened    a connection was opened; nothing said yet
    mail      MAIL was read
    rcpt      RCPT was read
    half      half of the message (by the SIZE of its MAIL) has arrived, or more; dropped here, it is not accepted
    dot       the final dot was read; nothing logged yet
    reply     the message is logged, its 250 is about to be sent

When a control connection closes, its watches go, and what it stopped goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

EVENTS = ("opened", "mail", "rcpt", "half", "dot", "reply")


class Held(Protocol):
    """A connection that can be stopped."""

    @property
    def recipient(self) -> bytes:
        """Whom its message is for, as far as it has said."""

    def go_on(self) -> None:
        """Handle it further."""

    def drop(self) -> None:
        """Close it."""


@dataclass(slots=True)
class _Watch:
    event: str
    left: int
    tell: Callable[[str], None]
    held: Held | None = None


class Watches:
    """Who waits for which event. `armed` is what a connection looks at before it asks."""

    def __init__(self) -> None:
        self.armed = False
        self._next = 1
        self._watches: dict[int, _Watch] = {}

    @property
    def held(self) -> int:
        """Connections that are stopped now."""
        return sum(watch.held is not None for watch in self._watches.values())

    def add(self, event: str, count: int, tell: Callable[[str], None]) -> int:
        """Watch for the `count`-th `event` from now on."""
        number = self._next
        self._next += 1
        self._watches[number] = _Watch(event, count, tell)
        self.armed = True
        return number

    def stops(self, event: str, connection: Held) -> bool:
        """True when `connection` must wait here."""
        stopped = False
        for number, watch in self._watches.items():
            if watch.event != event or watch.left <= 0:
                continue
            watch.left -= 1
            if watch.left == 0 and not stopped:
                stopped = True
                watch.held = connection
                watch.tell(f"hit {number} {event} {connection.recipient.decode('ascii', 'replace') or '-'}")
            elif watch.left == 0:
                watch.left = 1  # one stop at a time: the next event is this watch's
        self._arm()
        return stopped

    def end(self, number: int, *, drop: bool) -> bool:
        """Remove a watch; what it stopped goes on, or is dropped. False when there is none."""
        watch = self._watches.pop(number, None)
        if watch is None:
            return False
        self._arm()
        if watch.held is not None:
            if drop:
                watch.held.drop()
            else:
                watch.held.go_on()
        return True

    def _arm(self) -> None:
        self.armed = any(watch.left > 0 for watch in self._watches.values())


class Controllable(Protocol):
    """What the control port can ask and change."""

    watches: Watches

    def counts(self) -> str:
        """JSON."""

    def change(self, name: str, value: str) -> None:
        """Raises ValueError."""


async def serve_control(sink: Controllable, host: str) -> asyncio.Server:
    """Listen on a free port of `host`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine: list[int] = []

        def tell(line: str) -> None:
            writer.write(line.encode() + b"\n")

        with contextlib.suppress(ConnectionError, asyncio.LimitOverrunError, ValueError):
            while line := await reader.readline():
                try:
                    tell(_answer(sink, line.decode("ascii", "replace").split(), mine, tell))
                except (ValueError, IndexError) as error:
                    tell(f"error {error}")
        for number in mine:
            sink.watches.end(number, drop=False)
        writer.close()

    return await asyncio.start_server(handle, host, 0)


def _answer(sink: Controllable, words: list[str], mine: list[int], tell: Callable[[str], None]) -> str:
    match words:
        case ["counts"]:
            return f"ok {sink.counts()}"
        case ["set", name, *value]:
            sink.change(name, " ".join(value))
            return "ok"
        case ["watch", event, count] if event in EVENTS and int(count) > 0:
            number = sink.watches.add(event, int(count), tell)
            mine.append(number)
            return f"ok {number}"
        case ["release" | "drop", number]:
            known = sink.watches.end(int(number), drop=words[0] == "drop")
            return "ok" if known else "error no such watch"
    raise ValueError("counts | set NAME VALUE | watch EVENT N | release ID | drop ID; events: " + " ".join(EVENTS))
