"""A relay that says exactly what a script says, and a window of messages to send to it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

from herold.channels.outcome import Outcome, RouteFault
from herold.channels.route import CHAINED, Manners
from herold.channels.smtp import Envelope, SmtpConnection, SmtpRoute
from parts.listeners import accept_no_more

TEXT = b"Feedback-ID: spring:run1:x:shop\r\nSubject: hello\r\n\r\nhello\r\n"


class Talk:
    """One connection, as the script sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def line(self) -> str:
        """The next command. Raises EOFError at the end."""
        line = await self.reader.readline()
        if not line:
            raise EOFError
        assert line.endswith(b"\r\n"), line
        return line[:-2].decode("latin-1")

    async def verb(self) -> str:
        """The first word of the next command."""
        return (await self.line()).split(" ", 1)[0].split(":", 1)[0]

    async def text(self) -> bytes:
        """A message text up to its final dot, which is not part of it."""
        lines: list[bytes] = []
        while (line := await self.reader.readline()) != b".\r\n":
            if not line:
                raise EOFError
            lines.append(line)
        return b"".join(lines)

    def say(self, *lines: str) -> None:
        """Lines, each with CRLF."""
        self.raw("".join(line + "\r\n" for line in lines).encode("latin-1"))

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self.writer.write(data)

    async def hello(self, *words: str) -> None:
        """Greeting and EHLO, announcing `words`."""
        self.say("220 relay.test")
        await self.line()
        self.say("250-relay.test", *(f"250-{word}" for word in words), "250 HELP")

    async def group(self) -> str:
        """MAIL, RCPT and DATA; the recipient."""
        mail, rcpt, data = await self.line(), await self.line(), await self.line()
        assert mail.startswith("MAIL FROM:<"), mail
        assert data == "DATA", data
        return rcpt.removeprefix("RCPT TO:<").removesuffix(">")

    async def gone(self) -> None:
        """Until the client has closed."""
        with suppress(OSError):
            while await self.reader.read(65_536):
                pass


Script = Callable[[Talk], Awaitable[None]]


@asynccontextmanager
async def scripted_relay(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a relay; the first connection follows the first script, and so on (the last one repeats).

    An assertion that fails in a script fails the test.
    """
    errors: list[BaseException] = []
    tasks: set[asyncio.Task[None]] = set()
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        script = scripts[min(count, len(scripts) - 1)]
        count += 1
        try:
            await script(Talk(reader, writer))
        except (EOFError, OSError, asyncio.CancelledError):
            pass
        except Exception as error:
            errors.append(error)
        finally:
            writer.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await accept_no_more(server.sockets)
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if errors:
        raise errors[0]


@contextmanager
def relay_in_thread(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The same for whoever has no loop of its own, until the block ends."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    end = asyncio.Event()
    ports: list[int] = []

    async def serve() -> None:
        async with scripted_relay(*scripts, tls=tls) as port:
            ports.append(port)
            ready.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="scripted relay")
    thread.start()
    try:
        assert ready.wait(10)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
        loop.close()


def plain_route(port: int, *, ceiling: int = CHAINED, grouping: bool = True) -> SmtpRoute:
    """To this machine, without TLS."""
    return SmtpRoute("127.0.0.1", port, "None", None, None, None, grouping, "client.test", Manners(ceiling))


def envelopes(count: int, *, content: bytes = TEXT, name: str = "user") -> list[Envelope]:
    """Messages to user0@example.com, user1@example.com, …"""
    return [
        Envelope(b"b%d@bounce.example" % i, b"%b%d@example.com" % (name.encode(), i), content) for i in range(count)
    ]


@dataclass
class Window:
    """Sends and keeps what was told, in order; a second outcome for a message is an error."""

    envelopes: Sequence[Envelope]
    begun: list[int] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    fault: RouteFault | None = None
    at_outcome: Callable[[int], None] = lambda index: None

    def on_content(self, index: int) -> bool:
        """Allow it."""
        assert index not in self.begun, index
        assert index not in self.outcomes, index
        self.begun.append(index)
        return True

    def on_outcome(self, index: int, outcome: Outcome) -> None:
        """Keep it."""
        assert index not in self.outcomes, index
        self.outcomes[index] = outcome
        self.at_outcome(index)

    async def send(self, connection: SmtpConnection, timeout: float = 10) -> Window:
        """Send all."""
        self.fault = await connection.send(
            self.envelopes, on_content=self.on_content, on_outcome=self.on_outcome, timeout=timeout
        )
        assert sorted(self.outcomes) == list(range(len(self.envelopes)))
        return self

    def kinds(self) -> list[str]:
        """Names of the outcomes in the order of the messages."""
        return [type(self.outcomes[index]).__name__ for index in range(len(self.envelopes))]


async def send_window(route: SmtpRoute, messages: Sequence[Envelope], *, timeout: float = 10) -> Window:
    """Open, send, close."""
    connection = await SmtpConnection.open(route, timeout=10)
    try:
        return await Window(messages).send(connection, timeout)
    finally:
        await connection.close()
