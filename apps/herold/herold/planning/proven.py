"""What became of proofs, as it is told: to whoever asked for them, and to all who read the pull request.

Seeds are called by their names: an address is nobody's business there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from herold.errors import Mistake
from herold.ledger.deliveries import STATES, State
from herold.ledger.proofs import SeedOutcome
from herold.plain import plain
from herold.planning.comment import mistake_lines, within
from herold.planning.markdown import escaped, joined, table
from herold.planning.proofs import PlannedProofs
from herold.planning.words import number
from herold.words import count, legible

MARK = "<!-- herold proof -->"  # by which the comment is found again, and replaced
_ROWS, _NOTES = 48_000, 8_000  # bytes in UTF-8; GitHub takes 65,536 characters
_WAITING: tuple[State, ...] = ("waiting", "deferred")


@dataclass(frozen=True, slots=True)
class Shown:
    """One language to one made-up reader, and what became of it in each seed."""

    locale: str
    reader: str
    seeds: tuple[SeedOutcome, ...]

    @property
    def waits(self) -> bool:
        """Somebody may still get it."""
        return any(each.state in _WAITING for each in self.seeds)

    @property
    def is_lost(self) -> bool:
        """Nobody has it, and nobody will."""
        return not self.waits and all(each.state != "sent" for each in self.seeds)


@dataclass(frozen=True, slots=True)
class Proven:
    """`of`: what was proven, in words. `campaigns`: each with what it showed. `left_out`, `warnings`: whole sentences;
    the latter are what receivers hold against mail of these senders."""

    of: str
    campaigns: tuple[tuple[PlannedProofs, tuple[Shown, ...]], ...]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def _shown(self) -> Iterator[Shown]:
        for _, shown in self.campaigns:
            yield from shown

    @property
    def waits(self) -> bool:
        """Not all of it is out yet."""
        return any(each.waits for each in self._shown())

    @property
    def lost(self) -> int:
        """How much of it no inbox has taken."""
        return sum(each.is_lost for each in self._shown())

    @property
    def headline(self) -> str:
        """One sentence or two."""
        outcomes = [seed for each in self._shown() for seed in each.seeds]
        if not outcomes:
            return "Nothing to prove: no campaign changes here."
        states = Counter(each.state for each in outcomes)
        told = ", ".join(f"{number(states[state])} {state}" for state in STATES if states[state])
        before = sum(not each.new for each in outcomes)
        if before == len(outcomes):
            told += "; all of them by an earlier proof"
        elif before:
            told += f"; {number(before)} by an earlier proof"
        places = count(len({each.seed for each in outcomes}), "seed")
        return f"{count(len(self.campaigns), 'campaign')} to {places} of the senders, and to nobody else: {told}."


def as_proof_comment(proven: Proven) -> str:
    """GitHub's Markdown, of bounded length. Ends with a line break."""
    icon = "⏳" if proven.waits else "❌" if proven.lost else "📬"
    rows = [
        (
            escaped(f"{planned.name} ({planned.environment})"),
            f"`{planned.intent[:12]}`",
            escaped(each.locale),
            escaped(each.reader),
            escaped(_seeds(each.seeds)),
        )
        for planned, shown in proven.campaigns
        for each in shown
    ]
    notes = [f"{planned.name}: {note}" for planned, _ in proven.campaigns for note in planned.notes]
    warned = [f"⚠️ {escaped(each)}" for each in proven.warnings]
    listed = [*warned, *map(escaped, (*notes, *proven.left_out))]
    return _comment(
        proven.of,
        [f"{icon} {escaped(proven.headline)}"],
        within(
            table(("Campaign", "Intent", "Language", "Reader", "Seeds"), rows, right=0), _ROWS, "\nand {} more rows"
        ),
        within([f"- {each}" for each in listed], _NOTES, "- and {} more"),
    )


def as_unproven_comment(of: str, mistakes: Sequence[Mistake]) -> str:
    """The same for what is not sent, because something is wrong."""
    lines = within(mistake_lines(mistakes), _ROWS, "- and {} more: `herold validate` names them all")
    return _comment(of, ["❌ Nothing was sent."], lines)


def as_proof_text(proven: Proven) -> str:
    """A line for each proof. Ends with a line break."""
    lines = [f"{proven.of}: {proven.headline}"]
    for planned, shown in proven.campaigns:
        lines += [f"{planned.name} ({planned.environment}), intent sha256:{planned.intent}"]
        lines += [f"  {each.locale}, {each.reader}: {_seeds(each.seeds)}" for each in shown]
        lines += [f"  {note}" for note in planned.notes]
    warned = [f"warning: {each}" for each in proven.warnings]
    return "\n".join(legible(line) for line in (*lines, *proven.left_out, *warned)) + "\n"


def as_proof_json(proven: Proven) -> str:
    """Every seed of every proof, by its name. Ends with a line break."""
    content = {
        "of": proven.of,
        "campaigns": [
            {
                "name": planned.name,
                "environment": planned.environment,
                "intentDigest": planned.intent,
                "shown": shown,
                "notes": planned.notes,
            }
            for planned, shown in proven.campaigns
        ],
        "leftOut": proven.left_out,
        "warnings": proven.warnings,
    }
    return json.dumps(plain(content), ensure_ascii=False, indent=2) + "\n"


def _comment(of: str, *parts: Sequence[str]) -> str:
    foot = "<sub>Readers are made up · links of proofs unsubscribe nobody · made by `herold proof`</sub>"
    return joined([[MARK, f"## Proof of {escaped(of)}"], *parts, [foot]]) + "\n"


def _seeds(outcomes: Sequence[SeedOutcome]) -> str:
    """`sent: anna, bernd; failed: celina`."""
    return "; ".join(
        f"{state}: {', '.join(each.seed for each in outcomes if each.state == state)}"
        for state in STATES
        if any(each.state == state for each in outcomes)
    )
