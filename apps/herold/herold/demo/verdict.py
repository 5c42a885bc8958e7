"""The verdict: what the relay accepted, by its own log, against who must get it, by the generator's own list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Verdict:
    """Numbers of people. `uncertain` of the expected are told as possibly not reached; `arrived` of those were."""

    expected: int
    accepted: int
    lost: int
    twice: int
    strangers: int
    uncertain: int
    arrived: int

    @property
    def good(self) -> bool:
        """Nobody was forgotten, nobody got it twice, nobody got it who should not."""
        return not (self.lost or self.twice or self.strangers)

    def __str__(self) -> str:
        return f"lost {self.lost}, twice {self.twice}, uncertain {self.uncertain}"


def judge(expected: set[str], accepted: Iterable[str], uncertain: set[str]) -> Verdict:
    """`accepted`: a recipient for each message that the relay took. `uncertain`: whom the ledger does not vouch for."""
    counts = Counter(accepted)
    missing = expected - counts.keys()
    return Verdict(
        expected=len(expected),
        accepted=counts.total(),
        lost=len(missing - uncertain),
        twice=sum(count > 1 for count in counts.values()),
        strangers=len(counts.keys() - expected),
        uncertain=len(uncertain),
        arrived=len(uncertain & counts.keys()),
    )


def accepted_recipients(log: Path) -> list[str]:
    """Recipients in the order in which the sink accepted their messages (its format: herold.demo.sink)."""
    lines = log.read_text("utf-8").splitlines()
    return [line.split("\t")[2] for line in lines]
