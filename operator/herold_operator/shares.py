"""How many posts may be under way, and of which team: who does not take what it is told leaves room for others."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

AT_ONCE = 16
AT_ONCE_EACH = 2
# Of all teams together that took nothing the last time.
AT_ONCE_FAILING = 8
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0


@dataclass(slots=True)
class Shares:
    """Teams by their namespace; times are monotonic seconds. Who took nothing the last time is asked by one post at
    once, after a pause that grows to a minute, or is as long as they asked for."""

    _under_way: Counter[str] = field(default_factory=Counter)
    _failures: dict[str, int] = field(default_factory=dict)  # in a row
    _until: dict[str, float] = field(default_factory=dict)

    def take(self, namespace: str, now: float) -> bool:
        """Whether one more may begin; then it has."""
        failing = namespace in self._failures
        if self._under_way.total() >= AT_ONCE or self._until.get(namespace, 0.0) > now:
            return False
        if self._under_way[namespace] >= (1 if failing else AT_ONCE_EACH):
            return False
        if failing and sum(self._under_way[each] for each in self._failures) >= AT_ONCE_FAILING:
            return False
        self._under_way[namespace] += 1
        return True

    def give_back(self, namespace: str, now: float, *, failed: bool, wish: float = 0.0) -> None:
        """One is over. `wish`: the pause, in seconds, that they ask for."""
        self._under_way[namespace] -= 1
        if not failed:
            self._failures.pop(namespace, None)
            self._until.pop(namespace, None)
            return
        failures = self._failures[namespace] = self._failures.get(namespace, 0) + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 10))
        self._until[namespace] = max(self._until.get(namespace, 0.0), now + max(pause, wish))

    def forget(self) -> None:
        """Receivers changed: nobody is known to fail."""
        self._failures.clear()
        self._until.clear()

    def is_failing(self, namespace: str) -> bool:
        """Whether they took nothing the last time."""
        return namespace in self._failures

    def next_at(self, now: float) -> float:
        """When the next pause is over."""
        return min((until for until in self._until.values() if until > now), default=math.inf)
