"""Ctrl-C, SIGTERM and SIGHUP as one exception, once, and never between the start of a process and its being known."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """The first signal raises KeyboardInterrupt, or does so at the end of a shield; later ones wait for the tidying."""

    def __init__(self) -> None:
        self._asked = False
        self._shielded = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handlers are set for the block, and put back after it. Outside the main thread nothing is changed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def shield(self) -> Iterator[None]:
        """No interrupt inside; one that came raises at the end."""
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False
        if self._asked:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        first, self._asked = not self._asked, True
        if first and not self._shielded:
            raise KeyboardInterrupt
