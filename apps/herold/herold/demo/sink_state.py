"""What all connections of a sink share: the log, the faults, the pace, the counts."""

from __future__ import annotations

import asyncio
import ssl

from herold.demo.mailbox import Mailbox
from herold.demo.sink_control import Watches
from herold.demo.sink_faults import Faults


class SinkState:
    """What all connections of a sink share."""

    def __init__(self, log: int) -> None:
        self.log = log
        self.watches = Watches()
        self.faults: Faults | None = None
        self.delay = 0.0  # seconds before each reply
        self.rate = 0.0  # messages a second; 0: no limit
        self.pipelining = True
        self.tls: ssl.SSLContext | None = None
        self.credentials: tuple[bytes, bytes] | None = None
        self.mailbox: Mailbox | None = None
        self.accepted = 0
        self.opened = 0
        self.open = 0
        self.struck: dict[str, int] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self._slot = 0.0

    def slot(self, now: float) -> float:
        """The instant at which the next message may be accepted, by `rate`."""
        self._slot = max(now, self._slot) + 1 / self.rate
        return self._slot - 1 / self.rate
