"""What a worker keeps of its work, for whoever watches it.

A few additions a window. Written by the event loop, read by the thread that serves them: what it copies is whole. It
lives as long as the process: a worker that lost its lease goes on counting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from herold.ledger.claims import Kind
from herold.metrics import Distribution, Metric, Reading
from herold.worker import metrics as m

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_CLASSES = {None: "none", 2: "2xx", 4: "4xx", 5: "5xx"}


class Figures:
    """Lanes are known by their ids until `places` names them: id to (sender, lane)."""

    def __init__(self) -> None:
        self.messages: Counter[tuple[int, Kind]] = Counter()
        self.replies: Counter[tuple[int, str]] = Counter()
        self.answers: Counter[tuple[int, str]] = Counter()
        self.opened: Counter[int] = Counter()
        self.faults: Counter[tuple[int, str]] = Counter()
        self.pauses: Counter[int] = Counter()
        self.taken: Counter[Kind] = Counter()
        self.window_messages: dict[int, Distribution] = {}
        self.window_seconds: dict[int, Distribution] = {}
        self.ledger_seconds: dict[str, Distribution] = {}
        self.places: dict[int, tuple[str, str]] = {}
        self.in_hand = self.connections = 0
        self.ledger_lost = self.renewals = self.leases_lost = self.takeovers = 0
        self.beat_at: float | None = None  # monotonic
        self.lease_until = 0.0  # monotonic
        self.clock_offset: float | None = None  # seconds

    def window(self, lane: int, kinds: Sequence[Kind], codes: Sequence[int | None], seconds: float) -> None:
        """A window is done."""
        size, first = len(kinds), (kinds[0], codes[0])
        # Nearly every window is of one sort, and seen to be so much faster than counted.
        is_uniform = kinds.count(first[0]) == size == codes.count(first[1])
        sorts = {first: size} if is_uniform else Counter(zip(kinds, codes, strict=True))
        for (kind, code), count in sorts.items():
            self.messages[lane, kind] += count
            if kind != "returned":  # such a message got no reply because it was never begun
                self.replies[lane, _CLASSES.get(code and code // 100, "none")] += count
        _kept(self.window_messages, lane, m.WINDOW_MESSAGES).add(size)
        _kept(self.window_seconds, lane, m.WINDOW_SECONDS).add(seconds)

    def asked(self, statement: str, seconds: float) -> None:
        """The ledger answered."""
        _kept(self.ledger_seconds, statement, m.LEDGER_SECONDS).add(seconds)

    def reading(self, now: float, evidence: Path) -> Reading:
        """All of it, by metric. `now` is monotonic."""
        alone: dict[Metric, float] = {
            m.IN_HAND: self.in_hand,
            m.LEDGER_LOST: self.ledger_lost,
            m.CONNECTIONS: self.connections,
            m.RENEWALS: self.renewals,
            m.LEASES_LOST: self.leases_lost,
            m.LEASE_LEFT: max(0.0, self.lease_until - now),
            m.TAKEOVERS: self.takeovers,
            m.EVIDENCE: _bytes_in(evidence),
        }
        if self.beat_at is not None:
            alone[m.BEAT_AGE] = now - self.beat_at
        if self.clock_offset is not None:
            alone[m.CLOCK] = self.clock_offset
        senders = {sender for sender, _ in [*self.places.values()]}
        return {
            m.MESSAGES: {(*self._place(lane), kind): n for (lane, kind), n in _copied(self.messages)},
            m.REPLIES: {(*self._place(lane), each): n for (lane, each), n in _copied(self.replies)},
            m.CLAIMS: {(*self._place(lane), answer): n for (lane, answer), n in _copied(self.answers)},
            m.FAULTS: {(*self._place(lane), each): n for (lane, each), n in _copied(self.faults)},
            m.OPENED: {self._place(lane): n for lane, n in _copied(self.opened)},
            m.PAUSES: {self._place(lane): n for lane, n in _copied(self.pauses)},
            m.WINDOW_MESSAGES: {self._place(lane): each for lane, each in _copied(self.window_messages)},
            m.WINDOW_SECONDS: {self._place(lane): each for lane, each in _copied(self.window_seconds)},
            m.LEDGER_SECONDS: {(statement,): each for statement, each in _copied(self.ledger_seconds)},
            m.TAKEN: {(kind,): n for kind, n in _copied(self.taken)},
            m.SERVES: {(sender,): 1 for sender in senders},
            **{metric: {(): value} for metric, value in alone.items()},
        }

    def _place(self, lane: int) -> tuple[str, str]:
        return self.places.get(lane, ("", str(lane)))


def _kept(kept: dict[K, Distribution], key: K, metric: Metric) -> Distribution:
    found = kept.get(key)
    if found is None:
        found = kept[key] = Distribution(metric)
    return found


def _copied(kept: Mapping[K, V]) -> list[tuple[K, V]]:
    """In one step: the event loop may add a key at any other moment."""
    return [*kept.items()]


def _bytes_in(folder: Path) -> int:
    total = 0
    for file in folder.glob("*.evidence"):
        try:
            total += file.stat().st_size
        except OSError:  # its worker ended meanwhile
            continue
    return total
