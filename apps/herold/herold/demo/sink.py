"""A relay that keeps everything: the other end for the demo, the tests and the chaos runs, and their oracle.

    python -m herold.demo.sink --port 0 --log FILE

Prints one JSON line with its ports when it listens. For each message that it accepts it appends one line to the log,
*before* it says 250: `epoch_seconds TAB campaign TAB recipient TAB mail_from`, where campaign is the first two fields
of the message's Feedback-ID (`a:b`, or `-`). It never reads Herold's ledger, so its log can testify against it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import time
from typing import cast

import uvloop

_CAMPAIGN = re.compile(rb"^feedback-id:[ \t]*([^:\r\n]*(?::[^:\r\n]*)?)", re.IGNORECASE | re.MULTILINE)
_PATH = re.compile(rb"(?:MAIL FROM|RCPT TO):\s*<([^>]*)>", re.IGNORECASE)
_MAX_COMMAND = 4096


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, log: int) -> None:
        self._log = log
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._buffer = b""
        self._in_text = False
        self._mail_from: bytes | None = None
        self._recipients: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"220 sink.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        position = 0
        replies: list[bytes] = []
        lines: list[bytes] = []
        while True:
            if self._in_text:
                end = position - 2 if data.startswith(b".\r\n", position) else data.find(b"\r\n.\r\n", position)
                if end == -1:
                    break
                self._accept(data[position : end + 2], lines)
                replies.append(b"250 2.0.0 accepted\r\n")
                position = end + 5
                self._in_text = False
            else:
                end = data.find(b"\r\n", position)
                if end == -1:
                    break
                replies.append(self._command(data[position:end]))
                position = end + 2
        self._buffer = data[position:]
        if lines:
            os.write(self._log, b"".join(lines))
        if replies:
            self._transport.write(b"".join(replies))

    def _accept(self, content: bytes, lines: list[bytes]) -> None:
        found = _CAMPAIGN.search(content)
        campaign = found[1].strip() if found else b"-"
        now = b"%.6f" % time.time()
        for recipient in self._recipients:
            lines.append(b"%b\t%b\t%b\t%b\n" % (now, campaign, recipient, self._mail_from or b""))
        self._mail_from = None
        self._recipients = []

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"MAIL" or verb == b"RCPT":
            path = _PATH.match(line)
            if path is None:
                return b"501 5.5.4 syntax\r\n"
            if verb == b"MAIL":
                self._mail_from = path[1]
                self._recipients = []
                return b"250 2.1.0 ok\r\n"
            if self._mail_from is None:
                return b"503 5.5.1 MAIL first\r\n"
            self._recipients.append(path[1])
            return b"250 2.1.5 ok\r\n"
        if verb == b"DATA":
            if not self._recipients:
                return b"503 5.5.1 RCPT first\r\n"
            self._in_text = True
            return b"354 go on\r\n"
        if verb == b"EHLO":
            return (
                b"250-sink.test\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
            )
        if verb == b"RSET":
            self._mail_from = None
            self._recipients = []
            return b"250 2.0.0 ok\r\n"
        if verb == b"QUIT":
            asyncio.get_running_loop().call_soon(self._transport.close)
            return b"221 2.0.0 bye\r\n"
        return b"250 2.0.0 ok\r\n" if verb in (b"HELO", b"NOOP") else b"502 5.5.1 what?\r\n"


async def serve(arguments: argparse.Namespace) -> None:
    """Listen until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    log = os.open(arguments.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    server = await loop.create_server(lambda: Session(log), arguments.host, arguments.port)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await stop.wait()
    server.close()


def main(argv: list[str] | None = None) -> int:
    """The command line; see the module."""
    parser = argparse.ArgumentParser(prog="herold.demo.sink", description="A relay that keeps everything.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", required=True)
    uvloop.run(serve(parser.parse_args(argv)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
