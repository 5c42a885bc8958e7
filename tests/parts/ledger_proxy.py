"""A proxy before PostgreSQL that stops at a statement: before it is sent, when it is sent, when it is answered; or at
the end of a transaction that wrote something.

It reads the frontend's side of the protocol (PostgreSQL documentation, "Message Formats"): which statement a Bind runs
is known from the Parse before it. What is stopped stays stopped until it is released or cut.
"""

from __future__ import annotations

import queue
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from psycopg.conninfo import conninfo_to_dict

from herold.processes.embedded import EmbeddedServer

DEADLINE = 20.0
Point = Literal["before", "sent", "answered"]
_PROTOCOL_3 = 3 << 16


_WRITES = re.compile(r"\b(INSERT INTO|UPDATE \S+ SET|DELETE FROM)\b", re.IGNORECASE)


@dataclass(slots=True)
class _Stop:
    """`words` None: the statement with which something that was written becomes durable."""

    words: str | None
    point: Point
    left: int


class Stopped:
    """One connection of a client."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._client = client
        self._server = server
        self._go_on = threading.Event()
        self._go_on.set()
        self._tell: queue.Queue[Stopped] | None = None
        self.client_port: int = client.getpeername()[1]

    def release(self) -> None:
        """Go on as if nothing had been."""
        self._go_on.set()

    def cut(self) -> None:
        """Reset both ends. What the server was told it may still do."""
        for end in (self._client, self._server):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._go_on.set()

    def hold(self, tell: queue.Queue[Stopped] | None) -> None:
        """Nothing reaches the client any more; `tell` hears of the first answer."""
        self._tell = tell
        self._go_on.clear()

    def wait(self) -> None:
        self._go_on.wait()

    def answers(self) -> None:
        """The server's bytes to the client, until the end."""
        with suppress(OSError):
            while data := self._server.recv(65_536):
                if not self._go_on.is_set():
                    if self._tell is not None:
                        self._tell.put(self)
                        self._tell = None
                    self.wait()
                self._client.sendall(data)
        with suppress(OSError):
            self._client.shutdown(socket.SHUT_WR)


@dataclass(slots=True)
class LedgerProxy:
    """Use `ledger_proxy`. `port` is on 127.0.0.1; `writes` counts what became durable."""

    target: str
    port: int = 0
    writes: int = 0
    _listener: socket.socket = field(default_factory=socket.socket)
    _stops: list[_Stop] = field(default_factory=list)
    _hits: queue.Queue[Stopped] = field(default_factory=queue.Queue)
    _open: set[Stopped] = field(default_factory=set)
    _refuse: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, database: str) -> str:
        """Connection string of a database behind the proxy."""
        return f"host=127.0.0.1 port={self.port} dbname={database} user=herold sslmode=disable gssencmode=disable"

    def stop_at(self, words: str, point: Point, count: int = 1) -> None:
        """Stop the connection that runs the `count`-th statement from now that has these `words`."""
        with self._lock:
            self._stops.append(_Stop(words, point, count))

    def stop_at_write(self, point: Point, count: int = 1) -> None:
        """Stop the connection that makes the `count`-th write from now durable: its COMMIT, or the only statement."""
        with self._lock:
            self._stops.append(_Stop(None, point, count))

    def wait_hit(self, timeout: float = DEADLINE) -> Stopped:
        """The next connection that was stopped. Raises queue.Empty."""
        return self._hits.get(timeout=timeout)

    def cut_all(self, *, refuse: bool = False) -> None:
        """Reset every connection; with `refuse` also those to come, until `admit`."""
        with self._lock:
            self._refuse = refuse
            found = list(self._open)
        for each in found:
            each.cut()

    def admit(self) -> None:
        """Take connections again."""
        with self._lock:
            self._refuse = False

    def start(self) -> None:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="ledger proxy", daemon=True).start()

    def stop(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all(refuse=True)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        with client, server:
            try:
                server.connect(self.target)
                each = Stopped(client, server)
            except OSError:
                return
            with self._lock:
                refused = self._refuse
                self._open.add(each)
            if refused:
                each.cut()
            answers = threading.Thread(target=each.answers, daemon=True)
            answers.start()
            with suppress(OSError):
                self._ask(each, client, server)
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            answers.join()
            with self._lock:
                self._open.discard(each)

    def _ask(self, each: Stopped, client: socket.socket, server: socket.socket) -> None:
        """The client's messages to the server, until the end."""
        buffer = b""
        known: dict[bytes, str] = {}
        greeted = False
        inside = wrote = False  # a transaction that began; one in which something was written
        told = False  # the statement to stop at was handed over; its Sync ends it
        while data := client.recv(65_536):
            buffer += data
            while True:
                head = 1 if greeted else 0
                if len(buffer) < head + 4:
                    break
                size = head + struct.unpack_from("!I", buffer, head)[0]
                if len(buffer) < size:
                    break
                message, buffer = buffer[:size], buffer[size:]
                if not greeted:
                    greeted = struct.unpack_from("!I", message, 4)[0] == _PROTOCOL_3
                    server.sendall(message)
                    continue
                words = _words(message, known)
                inside = (inside or words.startswith("BEGIN")) and not words.startswith("ROLLBACK")
                wrote = (wrote and inside) or _WRITES.search(words) is not None
                durable = wrote and (words.startswith("COMMIT") or bool(words and not inside))
                if words.startswith("COMMIT"):
                    inside = wrote = False
                stop = self._stop_for(words, durable=durable)
                if stop is not None:
                    if stop.point == "before":
                        each.hold(None)
                        self._hits.put(each)
                        each.wait()
                    else:
                        each.hold(self._hits if stop.point == "answered" else None)
                        told = stop.point == "sent"
                server.sendall(message)
                if told and message[:1] in b"SQ":
                    told = False
                    self._hits.put(each)

    def _stop_for(self, words: str, *, durable: bool) -> _Stop | None:
        if not words:
            return None
        with self._lock:
            self.writes += durable
            for stop in self._stops:
                if durable if stop.words is None else stop.words in words:
                    stop.left -= 1
                    if stop.left == 0:
                        self._stops.remove(stop)
                        return stop
        return None


def _words(message: bytes, known: dict[bytes, str]) -> str:
    """The statement that this message runs; '' when it runs none. Remembers what Parse names."""
    kind, body = message[:1], message[5:]
    if kind == b"P":
        name, words, _ = body.split(b"\0", 2)
        known[name] = words.decode("utf-8", "replace")
    elif kind == b"B":
        _, name, _ = body.split(b"\0", 2)
        return known.get(name, "")
    elif kind == b"Q":
        return body.rstrip(b"\0").decode("utf-8", "replace")
    return ""


@contextmanager
def ledger_proxy(target: str) -> Iterator[LedgerProxy]:
    """A proxy to the Unix socket `target` of a server."""
    proxy = LedgerProxy(target)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


@contextmanager
def proxied(server: EmbeddedServer, database: str) -> Iterator[tuple[LedgerProxy, str]]:
    """A proxy before `server`, and the URL behind it of `database`, which is given as a URL too."""
    name = str(conninfo_to_dict(database)["dbname"])
    with ledger_proxy(str(server.socket / ".s.PGSQL.5432")) as proxy:
        yield proxy, proxy.url(name)
