"""One SMTP connection of the sink: a state machine over a buffer, which can stop at any point and go on."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import time
from typing import cast

from herold.demo.sink_faults import ACCEPTED, AT_RCPT, AT_TEXT
from herold.demo.sink_login import Login
from herold.demo.sink_state import SinkState

_CAMPAIGN = re.compile(rb"^feedback-id:[ \t]*([^:\r\n]*(?::[^:\r\n]*)?)", re.IGNORECASE | re.MULTILINE)
_PATH = re.compile(rb"(?:MAIL FROM|RCPT TO):[ ]*<([^>]*)>", re.IGNORECASE)
_SIZE = re.compile(rb" SIZE=(\d{1,12})", re.IGNORECASE)
_OK = b"250 2.0.0 accepted\r\n"
_MAX_COMMAND = 4096
MAX_MESSAGE = 52_428_800


class Session(asyncio.Protocol):
    """See the module. What was logged is always logged before its 250 leaves."""

    def __init__(self, state: SinkState, *, secure: bool) -> None:
        self._state = state
        self._secure = secure
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._buffer: bytes | bytearray = b""
        self._searched = 0  # bytes of an unfinished text that hold no final dot
        self._in_text = False
        self._held = False
        self._passed = ""  # the event at which this connection was stopped and let go
        self._slotted = False
        self._half = False
        self._upgrading = False
        self._replies: list[bytes] = []
        self._lines: list[bytes] = []
        self._greeted = False
        self._login = Login(state.credentials)
        self._mail_from: bytes | None = None
        self._size = 0
        self._recipients: list[bytes] = []
        self._fault: str | None = None

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._greeted:  # TLS has begun: RFC 3207 section 4.2, no second greeting
            return
        self._state.opened += 1
        self._state.open += 1
        self._run()

    def connection_lost(self, exc: Exception | None) -> None:
        self._state.open -= 1
        self._held = True

    def data_received(self, data: bytes) -> None:
        if not self._buffer:
            self._buffer = data
        elif isinstance(self._buffer, bytearray):
            self._buffer += data
        else:
            self._buffer = bytearray(self._buffer) + data
        if not self._held:
            self._run()

    # -- stops

    @property
    def recipient(self) -> bytes:
        """Whom the message under way is for."""
        return self._recipients[-1] if self._recipients else b""

    def go_on(self) -> None:
        """Handle what has come, after a stop."""
        if not self._transport.is_closing():
            self._held = False
            self._run()

    def drop(self) -> None:
        """Close at once."""
        self._held = True
        self._transport.abort()

    def _stops(self, event: str) -> bool:
        if self._passed == event:
            self._passed = ""
            return False
        if not self._state.watches.stops(event, self):
            return False
        self._passed = event
        self._held = True
        return True

    def _wait(self, seconds: float) -> None:
        self._held = True
        self._loop.call_later(seconds, self.go_on)

    # -- the conversation

    def _run(self) -> None:
        """Handle as much of the buffer as can be; then the log, then the replies."""
        state = self._state
        self._flush()
        if not self._greeted:
            if state.watches.armed and self._stops("opened"):
                return
            self._greeted = True
            self._passed = ""
            self._replies.append(b"220 sink.test ESMTP\r\n")
        data, position = self._buffer, 0
        while not self._held:
            if state.delay and self._replies:
                self._wait(state.delay)  # they leave when it goes on
            elif self._in_text:
                taken = self._text(data, position)
                if not taken:
                    break
                position += taken
            else:
                end = data.find(b"\r\n", position)
                if end == -1:
                    break
                line = bytes(data[position:end])
                if (state.watches.armed or self._passed) and self._stops(line[:4].lower().decode("ascii", "replace")):
                    self._flush()
                    break
                position = end + 2
                self._command(line)
        self._buffer = data[position:] if position else data
        if not self._in_text and len(self._buffer) > _MAX_COMMAND and not self._held:
            self._replies.append(b"500 5.5.2 line too long\r\n")
            self._close()
        if self._upgrading:
            self._buffer = b""  # what came in the clear behind STARTTLS counts for nothing (RFC 3207 section 4.2)
        self._flush(replies=not self._held)

    def _flush(self, *, replies: bool = True) -> None:
        if self._lines:
            os.write(self._state.log, b"".join(self._lines))
            self._lines = []
        if replies and self._replies:
            self._transport.write(b"".join(self._replies))
            self._replies = []

    def _close(self) -> None:
        self._flush()
        self._held = True
        self._transport.close()

    def _text(self, data: bytes | bytearray, position: int) -> int:
        """Handle a message text from `position`; how many bytes were taken, 0 when it must wait."""
        state = self._state
        if len(data) == position:
            return 0
        if self._fault == "drop-text":
            self._strike("drop-text")
            self.drop()
            return 0
        if data.startswith(b".\r\n", position):
            end = position - 2
        else:
            end = data.find(b"\r\n.\r\n", position + self._searched)
        arrived = (len(data) if end == -1 else end + 5) - position
        if (state.watches.armed or self._passed) and not self._half and arrived * 2 >= self._size:
            if self._stops("half"):
                self._flush()
                return 0
            self._half = True
        if end == -1:
            self._searched = max(arrived - 4, 0)
            if arrived > MAX_MESSAGE:
                self._replies.append(b"552 5.3.4 too large\r\n")
                self._close()
            return 0
        if (state.watches.armed or self._passed) and self._stops("dot"):
            self._flush()
            return 0
        if state.rate and not self._slotted:
            now = self._loop.time()
            slot = state.slot(now)
            if slot > now + 0.001:
                self._slotted = True
                self._flush()
                self._wait(slot - now)
                return 0
        self._ended(bytes(data[position : end + 2]))
        return end + 5 - position

    def _ended(self, content: bytes) -> None:
        """The text is whole: accept it, or what its fault says."""
        fault = self._fault
        self._in_text = False
        self._searched = 0
        self._slotted = False
        if fault is None:
            self._accept(content)
            if self._state.watches.armed:
                self._flush()  # whoever is told finds it in the log
                self._stops("reply")
            self._replies.append(_OK)
        else:
            self._strike(fault)
            if fault in ACCEPTED:
                self._accept(content)
            if AT_TEXT[fault]:
                self._replies.append(AT_TEXT[fault])
            elif fault == "drop-accepted":
                self._flush()
                self.drop()
            else:
                self._flush()
                self._held = True
        self._reset()

    def _accept(self, content: bytes) -> None:
        state = self._state
        found = _CAMPAIGN.search(content)
        campaign = found[1].strip() if found else b"-"
        now = b"%.6f" % time.time()
        for recipient in self._recipients:
            self._lines.append(b"%b\t%b\t%b\t%b\n" % (now, campaign, recipient, self._mail_from or b""))
            if state.mailbox is not None:
                state.mailbox.keep(recipient, content)
        state.accepted += len(self._recipients)

    def _strike(self, fault: str) -> None:
        self._state.struck[fault] = self._state.struck.get(fault, 0) + 1

    def _reset(self) -> None:
        self._mail_from = None
        self._recipients = []
        self._fault = None
        self._half = False

    def _command(self, line: bytes) -> None:
        if self._login.is_open:
            self._replies.append(self._login.credential(line))
            return
        verb = line[:4].upper()
        if verb == b"MAIL":
            reply = self._mail(line)
        elif verb == b"RCPT":
            reply = self._rcpt(line)
        elif verb == b"DATA":
            self._in_text = bool(self._recipients)
            reply = b"354 go on\r\n" if self._recipients else b"503 5.5.1 RCPT first\r\n"
        elif verb in (b"EHLO", b"HELO"):
            self._reset()
            reply = self._hello() if verb == b"EHLO" else b"250 sink.test\r\n"
        elif verb in (b"RSET", b"NOOP"):
            if verb == b"RSET":
                self._reset()
            reply = b"250 2.0.0 ok\r\n"
        elif verb == b"AUTH":
            reply = self._login.auth(line) if self._secure else b"538 5.7.11 inside TLS only\r\n"
        elif line.upper() == b"STARTTLS" and self._state.tls is not None and not self._secure:
            self._upgrade(self._state.tls)
            return
        elif verb == b"QUIT":
            self._replies.append(b"221 2.0.0 bye\r\n")
            self._close()
            return
        else:
            reply = b"502 5.5.1 not known here\r\n"
        if reply:
            self._replies.append(reply)

    def _hello(self) -> bytes:
        words = [b"sink.test", b"SIZE %d" % MAX_MESSAGE, b"8BITMIME"]
        if self._state.pipelining:
            words.append(b"PIPELINING")
        if self._state.tls is not None and not self._secure:
            words.append(b"STARTTLS")
        if self._state.credentials is not None and self._secure:
            words.append(b"AUTH PLAIN LOGIN")
        return b"".join(b"250-%b\r\n" % word for word in words) + b"250 ENHANCEDSTATUSCODES\r\n"

    def _mail(self, line: bytes) -> bytes:
        if not self._login.known:
            return b"530 5.7.0 authentication required\r\n"
        path = _PATH.match(line)
        if path is None:
            return b"501 5.5.4 syntax\r\n"
        size = _SIZE.search(line)
        self._reset()
        self._mail_from = path[1]
        self._size = int(size[1]) if size else 0
        return b"552 5.3.4 too large\r\n" if self._size > MAX_MESSAGE else b"250 2.1.0 ok\r\n"

    def _rcpt(self, line: bytes) -> bytes:
        path = _PATH.match(line)
        if path is None:
            return b"501 5.5.4 syntax\r\n"
        if self._mail_from is None:
            return b"503 5.5.1 MAIL first\r\n"
        if self._state.faults is not None:
            fault = self._state.faults.choose(path[1])
            if fault in AT_RCPT:
                self._strike(fault)
                self._held = self._held or fault == "stall"
                if fault == "drop-rcpt":
                    self._close()
                return AT_RCPT[fault]
            self._fault = fault
        self._recipients.append(path[1])
        return b"250 2.1.5 ok\r\n"

    # -- TLS

    def _upgrade(self, context: ssl.SSLContext) -> None:
        self._held = self._upgrading = True
        self._replies.append(b"220 2.0.0 begin\r\n")
        self._flush()
        task = self._loop.create_task(self._start_tls(context))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        try:
            transport = await self._loop.start_tls(
                self._transport, self, context, server_side=True, ssl_handshake_timeout=10
            )
        except (OSError, ssl.SSLError):
            self._transport.abort()
            return
        if transport is not None:
            self._transport = transport
            self._secure = True
            self._buffer = b""
            self._upgrading = self._held = False
            self._reset()
