"""The plan: what a campaign would do, before it does it. Plain values; the four forms of it are views of these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from herold.planning.pace import Pace

Severity = Literal["error", "warning"]
Kind = Literal["Rich", "Bare", "Hostile", "Real"]


@dataclass(frozen=True, slots=True)
class Violation:
    """`error`: it won't start, or somebody would get a broken message. `people`: how many it is about, if it counts."""

    severity: Severity
    reason: str
    message: str
    fix: str
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """How sure a sampled plan is: with 95 % probability between `low` and `high` people get the message.

    `sampled` of the `contacts` people in the ledger were looked at; all other counts are scaled up from them.
    """

    low: int
    high: int
    sampled: int
    contacts: int


@dataclass(frozen=True, slots=True)
class Cell:
    """So many people of one domain, lane, … . `name` is None for those of whom it is not known."""

    name: str | None
    people: int


@dataclass(frozen=True, slots=True)
class LocaleCell:
    """People of one locale, and the locale of the content that they get."""

    name: str | None
    content: str
    people: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """People whom the segments match and who get nothing. `sentence` says why, for anybody to read."""

    reason: str
    sentence: str
    people: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """Another run that mails some of these people within seven days. `repeat`: it has the same content."""

    campaign: str
    due_at: datetime
    state: str
    people: int
    repeat: bool


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that differs; None where it is not written. Long values are cut."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class TextDiff:
    """What changed in one part (subject, preheader, text, mjml) of a locale: lines that begin with ' ', -, + or @."""

    locale: str
    part: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Against:
    """The change against another revision. `existed`: the campaign was there. Counts are None when not counted."""

    revision: str
    existed: bool
    added: int | None
    removed: int | None
    intent_changed: bool
    fields: tuple[FieldChange, ...] = ()
    texts: tuple[TextDiff, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """A message as a mail client reads it. `size`: bytes of the HTML. `trouble`: why it can't be made; then the parts
    are empty. Only `Real` samples are about somebody, and only they name nobody's address either."""

    locale: str
    kind: Kind
    sender: str
    subject: str
    preheader: str
    text: str
    html: str | None
    size: int
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What must hold when the audience freezes and while it is sent."""

    max_recipients: int
    expires_after: timedelta
    starting_deadline: timedelta
    start_by: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """`size` people get the message (an estimate when `estimate` is there). Instants are aware, in UTC.

    `domains` are the greatest ones, `other_domains` how many further ones there are, with `others` people together.
    `zone_of` names the zone of the run (as in `pace.zones`) by which people of a time zone go.
    """

    campaign: str
    occurrence: int
    message_class: str
    mode: str
    suspended: bool
    owner: str
    sender: str
    from_: str
    topic: str
    at: datetime
    local_at: str
    time_zone: str
    local_time: str
    made_at: datetime
    intent_digest: str
    bounds: Bounds
    size: int
    estimate: Estimate | None
    left_out: tuple[LeftOut, ...]
    domains: tuple[Cell, ...]
    other_domains: int
    others: int
    locales: tuple[LocaleCell, ...]
    zones: tuple[Cell, ...]
    lanes: tuple[Cell, ...]
    overlaps: tuple[Overlap, ...]
    pace: Pace
    cost: Decimal
    currency: str
    samples: tuple[Sample, ...]
    violations: tuple[Violation, ...]
    against: Against | None

    @property
    def left_out_people(self) -> int:
        """Everybody whom the segments match and who gets nothing."""
        return sum(each.people for each in self.left_out)

    @property
    def errors(self) -> tuple[Violation, ...]:
        """What must be mended before it can start."""
        return tuple(each for each in self.violations if each.severity == "error")

    @property
    def warnings(self) -> tuple[Violation, ...]:
        """What its author should know."""
        return tuple(each for each in self.violations if each.severity == "warning")
