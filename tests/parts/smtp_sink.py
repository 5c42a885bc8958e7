"""The sink as a process of its own: the other end of every test that sends, and the witness of what was accepted."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEADLINE = 20.0


@dataclass(frozen=True, slots=True)
class Hit:
    """A connection is stopped at `event`; `number` releases or drops it."""

    number: int
    event: str
    recipient: str


class SinkControl:
    """One connection to the control port (protocol: herold.demo.sink_control)."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self._file = self._socket.makefile("rb")
        self._hits: list[Hit] = []

    def counts(self) -> dict[str, Any]:
        """accepted, opened, open, held, faults."""
        found: dict[str, Any] = json.loads(self._ask("counts"))
        return found

    def change(self, name: str, value: str = "") -> None:
        """`delay-ms`, `accept-rate`, `fault`, `no-faults`."""
        self._ask(f"set {name} {value}")

    def watch(self, event: str, count: int = 1) -> int:
        """Stop at the `count`-th `event` from now on."""
        return int(self._ask(f"watch {event} {count}"))

    def wait_hit(self, timeout: float = DEADLINE) -> Hit:
        """The next stop. Raises TimeoutError."""
        self._socket.settimeout(timeout)
        try:
            while not self._hits:
                self._take(self._line())
        finally:
            self._socket.settimeout(DEADLINE)
        return self._hits.pop(0)

    def release(self, number: int) -> None:
        """Go on where watch `number` stopped."""
        self._ask(f"release {number}")

    def drop(self, number: int) -> None:
        """Close the connection that watch `number` stopped."""
        self._ask(f"drop {number}")

    def close(self) -> None:
        """Ends this connection's watches too."""
        self._file.close()
        self._socket.close()

    def _ask(self, line: str) -> str:
        self._socket.sendall(line.encode() + b"\n")
        while True:
            answer = self._line()
            if self._take(answer):
                continue
            word, _, rest = answer.partition(" ")
            if word != "ok":
                raise ValueError(rest)
            return rest

    def _take(self, line: str) -> bool:
        words = line.split()
        if words[0] != "hit":
            return False
        self._hits.append(Hit(int(words[1]), words[2], words[3]))
        return True

    def _line(self) -> str:
        line = self._file.readline()
        if not line:
            raise ConnectionError("the sink closed its control port")
        return line.decode().rstrip("\n")


class SmtpSink:
    """A running sink."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, control: SinkControl, log: Path) -> None:
        self.process = process
        self.port = port
        self.control = control
        self.log = log

    def accepted(self) -> list[tuple[str, str]]:
        """(campaign, recipient) of every accepted message, in order."""
        return [(line[1], line[2]) for line in self.lines()]

    def lines(self) -> list[tuple[float, str, str, str]]:
        """(epoch seconds, campaign, recipient, mail_from) of every accepted message, in order."""
        rows = (line.split("\t") for line in self.log.read_text("utf-8").splitlines())
        return [(float(row[0]), row[1], row[2], row[3]) for row in rows]


@contextmanager
def smtp_sink(log: Path, *options: str) -> Iterator[SmtpSink]:
    """Start the sink with `options`; it ends with the block, and with this process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "herold.demo.sink", "--log", str(log), "--with-parent", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        if not said:
            raise RuntimeError(f"the sink did not start: exit {process.wait(DEADLINE)}")
        ports = json.loads(said)
        control = SinkControl(ports["control"])
        try:
            yield SmtpSink(process, ports["port"], control, log)
        finally:
            control.close()
    finally:
        process.stdin.close()
        process.stdout.close()
        process.terminate()
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
