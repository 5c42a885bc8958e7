"""The circuit breaker for deletions: many at once is more likely a typo than a wish."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from herold.resources.meta import Key

WINDOW_SECONDS = 30.0
LEAST = 5
SHARE = 0.2


@dataclass(slots=True)
class Breaker:
    """Counts campaigns that vanished lately. Times are monotonic seconds."""

    _gone: deque[tuple[float, Key]] = field(default_factory=deque)

    def vanished(self, key: Key, at: float) -> None:
        """A campaign is gone."""
        self._gone.append((at, key))

    def tripped(self, present: int, at: float) -> frozenset[Key]:
        """All that vanished within the window, if they are many beside the `present` ones; else nothing."""
        while self._gone and self._gone[0][0] < at - WINDOW_SECONDS:
            self._gone.popleft()
        keys = frozenset(key for _, key in self._gone)
        many = len(keys) >= LEAST and len(keys) >= SHARE * (len(keys) + present)
        return keys if many else frozenset()
