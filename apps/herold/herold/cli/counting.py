"""How far an import is: two counts that grow, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SILENCE_SECONDS = 2.0


@contextmanager
def counted(*names: str) -> Iterator[tuple[Callable[[int], None], ...]]:
    """One function for each name that hears its count. One line that changes on a terminal; elsewhere one every 2 s."""
    live = sys.stderr.isatty()
    counts = dict.fromkeys(names, 0)
    spoken = time.monotonic()

    def speak(end: str) -> None:
        told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        print(f"\r{told}" if live else told, end=end, file=sys.stderr, flush=True)

    def hear(name: str) -> Callable[[int], None]:
        def heard(count: int) -> None:
            nonlocal spoken
            counts[name] = count
            if time.monotonic() - spoken >= (0.1 if live else SILENCE_SECONDS):
                spoken = time.monotonic()
                speak("" if live else "\n")

        return heard

    yield tuple(hear(name) for name in names)
    if live:
        speak("\n")
