"""Counts that may leave this machine: what is about fewer than ten people is hidden, and can't be worked out.

A pull request can never be erased. One hidden cell beside a total is no secret (total less the others), so that then
the next smallest one is hidden too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST = 10
HIDDEN = f"<{LEAST}"
WITHHELD = "hidden"


def told(count: int) -> str:
    """A count by itself: `22,310`, `0`, or `<10`."""
    return HIDDEN if 0 < count < LEAST else f"{count:,}"


def told_cells(counts: Sequence[int]) -> list[str]:
    """Counts whose sum is told elsewhere: as `told`, with one more of them `hidden` where that is needed."""
    texts = [told(count) for count in counts]
    small = [index for index, count in enumerate(counts) if 0 < count < LEAST]
    if len(small) == 1 and sum(1 for count in counts if count) > 1:
        next_smallest = min((i for i, count in enumerate(counts) if count >= LEAST), key=lambda i: (counts[i], i))
        texts[next_smallest] = WITHHELD
    return texts


@dataclass(frozen=True, slots=True)
class Named:
    """A name and its count as they may be told."""

    name: str
    count: str


def told_names(cells: Sequence[tuple[str, int]], others: int, other_names: int, *, noun: str) -> list[Named]:
    """Cells whose very name may be about somebody (a domain of one's own): small ones go into one row of others."""
    kept = [(name, count) for name, count in cells if count >= LEAST]
    folded = [(name, count) for name, count in cells if 0 < count < LEAST]
    rest = others + sum(count for _, count in folded)
    number = other_names + len(folded)
    while 0 < rest < LEAST and kept:
        _, count = kept.pop()
        rest, number = rest + count, number + 1
    names = [Named(name, told(count)) for name, count in kept]
    if number:
        names.append(Named(f"{number:,} other {noun}" if number >= LEAST else f"other {noun}", told(rest)))
    return names
