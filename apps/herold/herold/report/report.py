"""What a run came to. Plain values; the page and the JSON are views of these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LISTED = 1_000  # contacts that a report lists; the command beside them lists all


@dataclass(frozen=True, slots=True)
class Outcomes:
    """People by what became of them. `waiting`: no final outcome yet."""

    sent: int = 0
    failed: int = 0
    suppressed: int = 0
    skipped: int = 0
    uncertain: int = 0
    waiting: int = 0

    @property
    def people(self) -> int:
        """All of them."""
        return self.sent + self.failed + self.suppressed + self.skipped + self.uncertain + self.waiting

    def __add__(self, other: Outcomes) -> Outcomes:
        return Outcomes(
            self.sent + other.sent,
            self.failed + other.failed,
            self.suppressed + other.suppressed,
            self.skipped + other.skipped,
            self.uncertain + other.uncertain,
            self.waiting + other.waiting,
        )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """People whom the segments match and who were not planned; `sentence` says why."""

    reason: str
    sentence: str
    people: int


@dataclass(frozen=True, slots=True)
class Said:
    """Outcomes with one code or reason. `kind` is failed, suppressed, skipped, uncertain, deferred, or sent for those
    that evidence settled.

    `meaning` is in plain words; `example` is one scrubbed reply among them, as its server wrote it, or empty. `count`
    counts people, of `deferred` ones tries.
    """

    kind: str
    code: int | None
    enhanced: str | None
    reason: str | None
    meaning: str
    example: str
    count: int


@dataclass(frozen=True, slots=True)
class Group:
    """People of one domain or locale; None for those of whom it is not known (any more)."""

    name: str | None
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class Tick:
    """What was accepted, and what was refused or put off, in one step of time from `at` on."""

    at: datetime
    sent: int
    refused: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened while it was sent: a takeover, a hold, a suspension."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did what to the run, and why if that was said."""

    at: datetime
    actor: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class Possibly:
    """A contact of whom nobody knows whether the message arrived. An id, never an address."""

    contact_id: int
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """Instants are aware, in UTC. `outcomes` and all groups are counted from the ledger's rows.

    `balanced`: planned = sent + failed + suppressed + skipped + uncertain (+ waiting while it is open), and the rows
    say what the run's own counts say. `tries[n]` people were sent it at try n + 1. `domains` are the greatest ones,
    `other_domains` how many more there are and `others` what became of their people.
    """

    run_id: int
    campaign: str
    occurrence: int
    summary: str
    closed: bool
    mode: str
    message_class: str
    owner: str
    topic: str
    sender: str
    from_: str
    time_zone: str
    intent_digest: str
    content_digest: str
    installation: str
    environment: str
    made_at: datetime
    created_at: datetime
    first_due_at: datetime
    started_at: datetime | None
    closed_at: datetime | None
    planned: int
    left_out: tuple[LeftOut, ...]
    outcomes: Outcomes
    deferrals: int
    tries: tuple[int, ...]
    said: tuple[Said, ...]
    domains: tuple[Group, ...]
    other_domains: int
    others: Outcomes
    locales: tuple[Group, ...]
    step: timedelta
    rate: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    deeds: tuple[Deed, ...]
    possibly: tuple[Possibly, ...]
    list_command: str
    balanced: bool

    @property
    def left_out_people(self) -> int:
        """Everybody whom the segments match and who was not planned."""
        return sum(each.people for each in self.left_out)

    @property
    def addressed(self) -> int:
        """Everybody whom the segments match."""
        return self.planned + self.left_out_people

    @property
    def retried(self) -> int:
        """People who were reached at a second or later try."""
        return sum(self.tries[1:])

    @property
    def duration(self) -> timedelta | None:
        """From the first claim to the end of the last step in which something was sent; None before."""
        if self.started_at is None or not self.rate:
            return None
        return max(self.rate[-1].at + self.step - self.started_at, self.step)

    @property
    def peak(self) -> float:
        """Messages a second in the fastest step."""
        return max((tick.sent for tick in self.rate), default=0) / self.step.total_seconds()
