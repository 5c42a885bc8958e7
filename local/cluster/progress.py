"""What is being done and how long it took: one line a step, and a deadline for whatever is waited for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from herold.errors import Temporary

POLL = 0.1


class Progress:
    """Prints one line a step: the time since the beginning, its name, how long it took."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        """A line with the time since the beginning."""
        print(f"{self.seconds:7.1f} s  {text}", flush=True)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step with its duration. Where there is a terminal its name is shown while it runs."""
        began = time.monotonic()
        if sys.stdout.isatty():
            print(f"           {name} …", end="\r", flush=True)
        try:
            yield
        except BaseException:
            self.say(f"{name}: failed after {time.monotonic() - began:.1f} s")
            raise
        self.say(f"{name:48s} {time.monotonic() - began:6.1f} s")


def wait_until(what: str, condition: Callable[[], bool], *, seconds: float, hint: str | None = None) -> None:
    """Wait until the condition holds. Raises Temporary at the deadline."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            raise Temporary(f"{what}: not within {seconds:.0f} s", hint=hint)
        time.sleep(POLL)
