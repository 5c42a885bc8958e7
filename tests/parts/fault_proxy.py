"""A TCP proxy that cuts, stalls or corrupts at a given byte, in either direction. For SMTP and PostgreSQL alike.

It runs in a thread with a loop of its own, so that it works for synchronous tests and for child processes, and so that
a test that blocks does not block it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

from parts.listeners import accept_no_more

DEADLINE = 20.0
Direction = Literal["to_server", "to_client"]


@dataclass(frozen=True, slots=True)
class Break:
    """What happens to the byte at offset `at` (from 0, of each connection, in `direction`).

    `Cut`: both ends are reset before it passes. `Stall`: nothing passes from there on, both stay open.
    `Corrupt`: that byte is inverted. `times`: to so many connections; those after them pass whole.
    """

    kind: Literal["Cut", "Stall", "Corrupt"]
    direction: Direction
    at: int
    times: int = 1_000_000


class FaultProxy:
    """Use `fault_proxy`. All methods may be called from any thread."""

    def __init__(self, target: tuple[str, int] | str) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._break: Break | None = None
        self._left = 0
        self._refuse = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._moved = asyncio.Condition()
        self.passed: dict[Direction, int] = {"to_server": 0, "to_client": 0}
        self.broken = 0
        self.port = 0
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)

    def set_break(self, fault: Break | None) -> None:
        """For connections that are opened from now on, and open ones whose byte has not passed."""

        async def apply() -> None:
            self._break = fault
            self._left = fault.times if fault else 0

        self._call(apply())

    def cut_all(self, *, refuse: bool = False) -> None:
        """Reset every connection now; with `refuse` new ones too, until `admit`."""

        async def apply() -> None:
            self._refuse = refuse
            for writer in list(self._writers):
                _reset(writer)

        self._call(apply())

    def admit(self) -> None:
        """Take new connections again."""

        async def apply() -> None:
            self._refuse = False

        self._call(apply())

    def wait_passed(self, direction: Direction, count: int, timeout: float = DEADLINE) -> None:
        """Until `count` bytes have passed in all. Raises TimeoutError."""

        async def wait() -> None:
            async with asyncio.timeout(timeout), self._moved:
                await self._moved.wait_for(lambda: self.passed[direction] >= count)

        self._call(wait(), timeout + 1)

    def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        self._thread.start()
        self._call(self._listen())

    def stop(self) -> None:
        """Close everything."""
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None], timeout: float = DEADLINE) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._refuse = True
        await accept_no_more(self._server.sockets)
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        for writer in list(self._writers):
            _reset(writer)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # the stream's own callback would log it as an error
            await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        other: asyncio.StreamWriter | None = None
        try:
            if self._refuse:
                return
            if isinstance(self._target, str):
                other_reader, other = await asyncio.open_unix_connection(self._target)
            else:
                other_reader, other = await asyncio.open_connection(*self._target)
            self._writers.add(other)
            async with asyncio.TaskGroup() as pipes:
                pipes.create_task(self._pipe(reader, other, writer, "to_server"))
                pipes.create_task(self._pipe(other_reader, writer, other, "to_client"))
        except* OSError:
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, other):
                if end is not None:
                    self._writers.discard(end)
                    _reset(end)

    async def _pipe(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        direction: Direction,
    ) -> None:
        offset = 0
        while data := await reader.read(65_536):
            fault = self._break
            if fault and fault.direction == direction and self._left > 0 and offset <= fault.at < offset + len(data):
                self._left -= 1
                self.broken += 1
                place = fault.at - offset
                if fault.kind == "Corrupt":
                    data = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
                else:
                    await self._pass(writer, data[:place], direction)
                    if fault.kind == "Cut":
                        _reset(writer)
                        _reset(back)
                        return
                    await asyncio.Event().wait()
            offset += len(data)
            await self._pass(writer, data, direction)
        with suppress(OSError):
            writer.write_eof()

    async def _pass(self, writer: asyncio.StreamWriter, data: bytes, direction: Direction) -> None:
        if data:
            writer.write(data)
            await writer.drain()
            async with self._moved:
                self.passed[direction] += len(data)
                self._moved.notify_all()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, so that the other side sees a lost connection and not an end."""
    sock = writer.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


@contextmanager
def fault_proxy(target: tuple[str, int] | str) -> Iterator[FaultProxy]:
    """A proxy to `target`, (host, port) or the path of a Unix socket; its own address is ("127.0.0.1", proxy.port)."""
    proxy = FaultProxy(target)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
