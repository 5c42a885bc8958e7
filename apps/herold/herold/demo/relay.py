"""The sink as a process beside the demonstration."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from herold.errors import HeroldError

_STOP_SECONDS = 10.0


@contextmanager
def relay(log: Path, mailbox: Path, *, faults: tuple[str, ...] = ()) -> Iterator[int]:
    """The port of a running sink, which ends with the block, and whenever this process ends. Raises HeroldError."""
    command = [sys.executable, "-m", "herold.demo.sink", "--with-parent", "--log", str(log), "--mailbox", str(mailbox)]
    command += [word for fault in faults for word in ("--fault", fault)]
    # A session of its own: Ctrl-C is for us; the relay ends after those who talk to it.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        if not said:
            raise HeroldError(f"the relay of the demonstration did not start: exit code {process.wait(_STOP_SECONDS)}")
        yield int(json.loads(said)["port"])
    finally:
        process.stdin.close()
        process.stdout.close()
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
