"""What became of the messages of one window, in the words of the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field

from herold.channels.outcome import Deferred, NotSent, Outcome, Rejected, Sent
from herold.ledger.claims import Kind, Receipt, Window


@dataclass(slots=True)
class Results:
    """One entry a message of the window, filled as the truth comes in."""

    kinds: list[Kind]
    codes: list[int | None]
    enhanced: list[str | None]
    details: list[str | None]
    suppress: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, count: int) -> Results:
        return cls(["returned"] * count, [None] * count, [None] * count, [None] * count)

    def put(self, index: int, outcome: Outcome, position: int) -> None:
        match outcome:
            case Sent(code, detail):
                self._put(index, "sent", code, None, detail)
            case Deferred(code, enhanced, detail):
                self._put(index, "deferred", code, enhanced, detail)
            case Rejected(code, enhanced, detail, suppress):
                self._put(index, "failed", code, enhanced, detail)
                if suppress:
                    self.suppress.append(position)
            case NotSent():
                self._put(index, "returned", None, None, None)
            case _:
                self._put(index, "uncertain", None, None, outcome.detail)

    def fail(self, index: int, reason: str) -> None:
        self._put(index, "failed", None, None, reason)

    def receipt(self, window: Window) -> Receipt:
        """The receipt for the whole window; what was never put comes back untried."""
        return Receipt(
            window.run_id,
            window.id,
            window.positions,
            window.attempts,
            self.kinds,
            self.codes,
            self.enhanced,
            self.details,
            self.suppress,
        )

    def _put(self, index: int, kind: Kind, code: int | None, enhanced: str | None, detail: str | None) -> None:
        self.kinds[index] = kind
        self.codes[index] = code
        self.enhanced[index] = enhanced
        self.details[index] = detail
