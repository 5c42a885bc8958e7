"""A relay that keeps everything: the other end for the demo, the tests and the chaos runs, and their oracle.

    python -m herold.demo.sink --port 0 --log FILE

Prints one JSON line when it listens: `{"port": …, "control": …}`. For each message that it accepts it appends one line
to the log, *before* it says 250: `epoch_seconds TAB campaign TAB recipient TAB mail_from`, where campaign is the first
two fields of the message's Feedback-ID (`a:b`, or `-`). It never reads Herold's ledger, so its log can testify against
it. It ends at SIGTERM, or when its standard input closes if `--with-parent` is given.

Faults and their kinds: `sink_faults`. The control port and its protocol: `sink_control`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import ssl
import sys
from pathlib import Path

import uvloop

from herold.demo.mailbox import Mailbox
from herold.demo.sink_control import serve_control
from herold.demo.sink_faults import KINDS, Fault, Faults, parse_fault
from herold.demo.sink_session import Session
from herold.demo.sink_state import SinkState


class Sink(SinkState):
    """The state of a sink, with what its control port may ask and change."""

    def __init__(self, log: int, faults: list[Fault], seed: int) -> None:
        super().__init__(log)
        self._given = list(faults)
        self._seed = seed
        self.faults = Faults(faults, seed) if faults else None

    def counts(self) -> str:
        """JSON: accepted, opened, open, held, faults."""
        return json.dumps(
            {
                "accepted": self.accepted,
                "opened": self.opened,
                "open": self.open,
                "held": self.watches.held,
                "faults": self.struck,
            }
        )

    def change(self, name: str, value: str) -> None:
        """Change one setting. Raises ValueError."""
        if name == "delay-ms":
            self.delay = float(value) / 1000
        elif name == "accept-rate":
            self.rate = float(value)
        elif name == "fault":
            self._given.append(parse_fault(value))
            self.faults = Faults(self._given, self._seed)
        elif name == "no-faults":
            self._given = []
            self.faults = None
        else:
            raise ValueError(f"{name} is not one of delay-ms, accept-rate, fault, no-faults")


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog="herold.demo.sink", description="A relay that keeps everything.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--log", type=Path, required=True, help="file to which accepted messages are appended")
    parser.add_argument("--mailbox", type=Path, help="file to which whole messages are appended (see mailbox)")
    parser.add_argument("--mailbox-limit", type=int, default=1000, help="messages kept there at most")
    parser.add_argument("--mailbox-newest", action="store_true", help="keep the last ones there, not the first ones")
    parser.add_argument("--tls-cert", type=Path, help="certificate chain (PEM); announces STARTTLS")
    parser.add_argument("--tls-key", type=Path, help="its key (PEM)")
    parser.add_argument("--implicit-tls", action="store_true", help="TLS from the first byte instead of STARTTLS")
    parser.add_argument("--auth", type=Path, help="file with user:password; demanded, inside TLS only")
    parser.add_argument("--delay-ms", type=float, default=0, help="wait before each reply")
    parser.add_argument("--accept-rate", type=float, default=0, help="messages a second; 0: no limit")
    parser.add_argument("--fault", action="append", default=[], metavar="KIND:SHARE", help="KINDs: " + " ".join(KINDS))
    parser.add_argument("--seed", type=int, default=0, help="chooses whom the faults hit")
    parser.add_argument("--no-pipelining", action="store_true", help="do not announce PIPELINING")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    return parser


async def serve(arguments: argparse.Namespace) -> None:
    """Listen until told to stop."""
    loop = asyncio.get_running_loop()
    log = os.open(arguments.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sink = Sink(log, [parse_fault(text) for text in arguments.fault], arguments.seed)
    sink.delay = arguments.delay_ms / 1000
    sink.rate = arguments.accept_rate
    sink.pipelining = not arguments.no_pipelining
    if arguments.mailbox:
        sink.mailbox = Mailbox(arguments.mailbox, arguments.mailbox_limit, newest=arguments.mailbox_newest)
    if arguments.auth:
        user, _, password = arguments.auth.read_text().strip().partition(":")
        sink.credentials = (user.encode(), password.encode())
    if arguments.tls_cert:
        sink.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        sink.tls.load_cert_chain(arguments.tls_cert, arguments.tls_key)
    implicit = sink.tls if arguments.implicit_tls else None
    server = await loop.create_server(
        lambda: Session(sink, secure=implicit is not None), arguments.host, arguments.port, ssl=implicit
    )
    control = await serve_control(sink, arguments.host)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if arguments.with_parent:
        loop.add_reader(sys.stdin.fileno(), lambda: stop.set() if not os.read(sys.stdin.fileno(), 4096) else None)
    ports = {"port": server.sockets[0].getsockname()[1], "control": control.sockets[0].getsockname()[1]}
    print(json.dumps(ports), flush=True)
    await stop.wait()
    server.close()
    control.close()


def main(argv: list[str] | None = None) -> int:
    """The command line; see the module."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    try:
        uvloop.run(serve(arguments))
    except (OSError, ValueError) as error:
        parser.exit(2, f"herold.demo.sink: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
