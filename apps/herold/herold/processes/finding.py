"""What a pre-flight finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that would go wrong: `what` in one word, a sentence, and what to do; without full stops."""

    what: str
    message: str
    hint: str
