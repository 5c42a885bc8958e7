"""Programs of Herold's as processes of their own, without waiting for imports: forked from one that has them already.

Run as a program it is that one: a request a line on standard input, its child's id and then its exit code a line back.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from queue import SimpleQueue


@dataclass
class Child:
    """A running program; to be used as a `subprocess.Popen`."""

    pid: int
    returncode: int | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def end(self, code: int) -> None:
        """It has ended."""
        self.returncode = code
        self._over.set()

    def poll(self) -> int | None:
        """Its exit code once it has ended; 128 and the signal when it was killed."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The same, after it has ended. Raises subprocess.TimeoutExpired."""
        if not self._over.wait(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sign: int) -> None:
        """A signal, if it still runs."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sign)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)


class Forker:
    """The process that has the imports of a module with a function `main`."""

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "parts.herold_processes", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONSAFEPATH": ""},
        )
        self._children: dict[int, Child] = {}
        self._begun: SimpleQueue[Child] = SimpleQueue()
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, name="forker", daemon=True)
        self._reader.start()

    def start(self, arguments: list[str], environ: dict[str, str], log: Path) -> Child:
        """Start one. `environ` is its whole environment."""
        assert self._process.stdin is not None
        with self._lock:
            log.touch()  # who reads it need not wait for the child
            request = {"arguments": arguments, "environ": environ, "log": str(log)}
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return self._begun.get()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            pid, code = json.loads(line)
            if code is None:
                self._children[pid] = Child(pid)
                self._begun.put(self._children[pid])
            else:
                self._children.pop(pid).end(code)

    def close(self) -> None:
        """End it; its children have ended."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._reader.join(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


@cache
def shared_forker(module: str = "herold.cli.entry") -> Forker:
    """One of that module for this process, until it ends."""
    made = Forker(module)
    atexit.register(made.close)
    return made


def main() -> None:
    """Be the process that has the imports, until standard input ends."""
    name = sys.argv[1]
    run = importlib.import_module(name).main
    pipe, into = os.pipe()
    os.set_blocking(into, False)
    signal.set_wakeup_fd(into)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    while True:
        ready, _, _ = select.select([sys.stdin.fileno(), pipe], [], [])
        if pipe in ready:
            os.read(pipe, 4096)
            _reap()
        if sys.stdin.fileno() in ready:
            line = sys.stdin.readline()
            if not line:
                return
            request = json.loads(line)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                output = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                nothing = os.open(os.devnull, os.O_RDONLY)
                for source, target in ((nothing, 0), (output, 1), (output, 2)):
                    os.dup2(source, target)
                os.environ.clear()
                os.environ.update(request["environ"])
                sys.argv = [name, *request["arguments"]]
                sys.exit(run())  # an end like any other's: threads are waited for, output is written
            print(json.dumps([pid, None]), flush=True)


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps([pid, code if code >= 0 else 128 - code]), flush=True)


if __name__ == "__main__":
    main()
