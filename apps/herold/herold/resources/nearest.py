"""The name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# Comparing is quadratic in the length: what is longer than any name here resembles none.
_LONGEST = 128


def nearest(name: str, options: Iterable[str]) -> str | None:
    """The one of `options` that looks most like `name`, or None. Case, '-' and '_' count little."""
    if len(name) > _LONGEST:
        return None
    folded: dict[str, str] = {}
    for option in options:
        folded.setdefault(_fold(option), option)
    near = get_close_matches(_fold(name), folded, n=1, cutoff=0.68)
    return folded[near[0]] if near else None


def listed(options: Iterable[str], most: int = 8) -> str:
    """`a, b and c`; beyond `most` only how many more there are."""
    names = sorted(options)
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _fold(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
