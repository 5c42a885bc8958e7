"""The socket under an SMTP connection: bytes to replies, replies to whoever waits, deadlines."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import cast

from herold.channels.replies import RawReply, ReplyReader
from herold.channels.transfer import Transfer


class Wire(asyncio.Protocol):
    """Single replies are awaited in the handshake (`reply`, `command`); a Transfer takes them in a callback."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.is_open = False
        self.introduced = False  # EHLO and AUTH are over: nothing more is said unasked
        self._loop = asyncio.get_running_loop()
        self._reader = ReplyReader()
        self._replies: deque[RawReply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._transfer: Transfer | None = None
        self._done: asyncio.Future[None] | None = None
        self._paused = False
        self._heard = 0.0
        self._timeout = 0.0
        self._watch = self._loop.call_later(0, lambda: None)

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        replies = self._reader.feed(data)
        transfer = self._transfer
        if transfer is None:
            self._keep(replies)
            return
        try:
            transfer.take(replies)
            if self._reader.malformed and not transfer.finished:
                transfer.lost(self._reader.malformed, stray=True)
        except Exception as error:
            self._break(error)
            return
        if replies:
            self._heard = self._loop.time()
        if transfer.finished:
            self._finish()

    def pause_writing(self) -> None:
        self._paused = True
        if self._transfer is not None:
            self._transfer.pause()

    def resume_writing(self) -> None:
        self._paused = False
        transfer = self._transfer
        if transfer is None:
            return
        try:
            transfer.resume()
        except Exception as error:
            self._break(error)
            return
        if transfer.finished:
            self._finish()

    def eof_received(self) -> bool:
        return False  # closes: a relay that has said its last word answers nothing more

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionResetError("connection lost"))
        self._give_up("the connection was lost")

    # -- one reply at a time

    @property
    def is_between(self) -> bool:
        """True when nothing has arrived that was not taken."""
        return not self._replies and self._reader.is_between and self._reader.malformed is None

    @property
    def is_idle(self) -> bool:
        """True when nobody waits for a reply."""
        return self._transfer is None and self._waiter is None

    async def reply(self) -> RawReply:
        """The next reply. Raises OSError when the connection is lost or talks what is not SMTP."""
        while not self._replies:
            if self._reader.malformed:
                raise OSError(self._reader.malformed)
            if not self.is_open:
                raise ConnectionResetError("connection lost")
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._replies.popleft()

    async def command(self, line: bytes) -> RawReply:
        """Say `line`, and the reply to it. Raises OSError too when replies came that nobody asked for."""
        if not self.is_between:
            raise OSError("the relay answered before it was asked")
        if not self.is_open:
            raise ConnectionResetError("connection lost")
        self.transport.write(line)
        return await self.reply()

    async def start_tls(self, context: ssl.SSLContext, host: str, timeout: float) -> None:
        """TLS from here on, the certificate verified for `host`. Forgets what was read before."""
        transport = await self._loop.start_tls(
            self.transport, self, context, server_hostname=host, ssl_handshake_timeout=timeout
        )
        if transport is None:
            raise ConnectionResetError("connection lost")
        self.transport = transport
        self._reader = ReplyReader()

    # -- a window

    async def carry(self, transfer: Transfer, timeout: float) -> None:
        """Run `transfer` to its end; a silence of `timeout` seconds of the relay is one."""
        if not self.is_idle:
            raise RuntimeError("one send at a time")
        done = self._done = self._loop.create_future()
        self._transfer = transfer
        self._timeout = timeout
        self._heard = self._loop.time()
        self._watch = self._loop.call_later(timeout, self._look)
        try:
            if self._paused:
                transfer.pause()
            if self.is_between:
                transfer.start()
            else:
                transfer.lost("the relay answered before it was asked", stray=True)
            if not transfer.finished:
                await done
        except BaseException:
            self.abort()
            transfer.lost("given up")
            raise
        finally:
            self._watch.cancel()
            self._transfer = self._done = None
            if transfer.drop:
                self.abort()

    def stop(self) -> None:
        """Begin no further message of the window under way."""
        if self._transfer is not None:
            self._transfer.stop()

    def abort(self) -> None:
        """Close at once; what is buffered is thrown away."""
        self.is_open = False
        if self.transport is not None:
            self.transport.abort()

    def _keep(self, replies: list[RawReply]) -> None:
        self._replies.extend(replies)
        if self._waiter is None and self.introduced:
            self.abort()  # between two windows: 421, it closes, or noise; nothing can be sent here any more
        elif self._waiter is not None and not self._waiter.done() and (self._replies or self._reader.malformed):
            self._waiter.set_result(None)

    def _look(self) -> None:
        silence = self._loop.time() - self._heard
        if silence < self._timeout:
            self._watch = self._loop.call_later(max(self._timeout - silence, 0.002), self._look)
        else:
            self._give_up(f"the relay was silent for {self._timeout:g} s")

    def _give_up(self, detail: str) -> None:
        transfer = self._transfer
        if transfer is None:
            return
        try:
            transfer.lost(detail)
        except Exception as error:
            self._break(error)
        else:
            self._finish()

    def _finish(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def _break(self, error: Exception) -> None:
        """A callback raised: the exception goes to whoever awaits the window."""
        self.abort()
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)
