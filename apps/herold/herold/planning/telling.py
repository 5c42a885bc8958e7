"""What of a plan may be told to many: a pull request is read by all and never erased.

Counts under ten are hidden, samples are made up, nobody's address stands in it. Plain words; views escape them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from herold.planning.draft import Draft
from herold.planning.plan import Against, Plan, Sample, Violation
from herold.planning.privacy import HIDDEN, LEAST, told, told_cells, told_names
from herold.planning.words import day, headline, length, moment, money, number, people, place, short_moment

_ROWS = 20
_FEW = re.compile(r"(?<![0-9,.])(?:1 person|[1-9] people)\b")
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A table. `summary`: its name when it is folded (empty: it is not); `right`: so many columns are numbers."""

    title: str
    summary: str
    head: Row
    rows: tuple[Row, ...]
    right: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """`change`: sentences about how it differs from the other revision; fields and texts are in `against`."""

    campaign: str
    occurrence: int
    headline: str
    violations: tuple[Violation, ...]
    facts: tuple[tuple[str, str], ...]
    against: Against | None
    change: tuple[str, ...]
    blocks: tuple[Block, ...]
    samples: tuple[Sample, ...]
    intent_digest: str
    made_at: datetime
    counted: bool


def tell_plan(plan: Plan) -> Told:
    """A plan with the numbers of the ledger."""
    small = 0 < plan.size < LEAST or 0 < plan.pace.sent < LEAST or 0 < plan.left_out_people < LEAST
    return Told(
        plan.campaign,
        plan.occurrence,
        _hidden_headline(plan) if small or 0 < plan.pace.expired < LEAST else headline(plan),
        _hushed(plan.violations),
        _facts(plan),
        plan.against,
        _change(plan.against),
        (*_left_out(plan), *_people(plan), *_overlaps(plan), *_times(plan)),
        _rich(plan.samples),
        plan.intent_digest,
        plan.made_at,
        True,
    )


def tell_draft(draft: Draft) -> Told:
    """What the files say."""
    local = datetime.fromisoformat(draft.local_at)
    when = f"on {day(local)} at {local:%H:%M} {place(draft.time_zone)}"
    if draft.local_time == "Recipient":
        when = f"on {day(local)} at {local:%H:%M} in each person's own time zone"
    whom = f"at most {people(draft.bounds.max_recipients)}"
    if draft.mode == "Proof":
        when, whom = "at once", "the team's seed addresses only"
    stopped = "Suspended; without that it " if draft.suspended else "It "
    rows = (
        ("People", f"not counted; {whom}"),
        ("From", draft.from_),
        ("Topic", draft.topic),
        ("Class, mode", _class(draft)),
        ("Starts by", f"{moment(draft.bounds.start_by, draft.time_zone)}, or not at all"),
        ("Expires", f"{length(draft.bounds.expires_after)} after each person's time"),
        ("Times in", draft.time_zone),
        ("Owner", draft.owner),
    )
    return Told(
        draft.campaign,
        draft.occurrence,
        f"{stopped}goes out {when}, to {whom}.",
        draft.violations,
        rows,
        draft.against,
        _change(draft.against),
        (),
        _rich(draft.samples),
        draft.intent_digest,
        draft.made_at,
        False,
    )


def _rich(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    return tuple(each for each in samples if each.kind == "Rich")


def _class(plan: Plan | Draft) -> str:
    return f"{plan.message_class}, {plan.mode}{' (suspended)' if plan.suspended else ''}"


def _hidden_headline(plan: Plan) -> str:
    words = [f"{told(plan.pace.sent)} people get this"]
    if plan.pace.first:
        words.append(f"from {moment(plan.pace.first, plan.time_zone)} on ({plan.time_zone})")
    if plan.left_out_people:
        words.append(f"{told(plan.left_out_people)} are left out")
    if plan.pace.expired:
        words.append(f"{told(plan.pace.expired)} expire before their turn")
    if plan.errors:
        words.insert(0, "as it stands it won't do")
    text = "; ".join(words)
    return f"{text[0].upper()}{text[1:]}."


def _hushed(violations: Sequence[Violation]) -> tuple[Violation, ...]:
    return tuple(replace(each, message=_without_small(each.message), people=None) for each in violations)


def _without_small(message: str) -> str:
    """The message of a violation; when it is about fewer than ten people, their number is hidden."""
    hidden, small = _FEW.subn(f"{HIDDEN} people", message)
    return re.sub(r" \(<?[0-9]+ %\)", "", hidden) if small else message


def _facts(plan: Plan) -> tuple[tuple[str, str], ...]:
    size = told(plan.size)
    if plan.estimate:
        size = f"about {size} (95 %: {told(plan.estimate.low)} to {told(plan.estimate.high)})"
    few = 0 < plan.pace.sent < LEAST
    return (
        ("People", size),
        ("Left out", told(plan.left_out_people)),
        ("First send", moment(plan.pace.first, plan.time_zone)),
        ("Last send", "–" if few else f"{moment(plan.pace.last, plan.time_zone)} ({length(plan.pace.duration)})"),
        ("Expire unsent", told(plan.pace.expired)),
        ("Cost", "–" if few else money(plan.cost, plan.currency)),
        ("From", plan.from_),
        ("Class, mode", _class(plan)),
        ("At most", f"{number(plan.bounds.max_recipients)} people"),
        ("Starts by", f"{moment(plan.bounds.start_by, plan.time_zone)}, or not at all"),
        ("Expires", f"{length(plan.bounds.expires_after)} after each person's time"),
        ("Times in", plan.time_zone),
    )


def _change(against: Against | None) -> tuple[str, ...]:
    if against is None:
        return ()
    if not against.existed:
        return ("The campaign is new.",)
    lines = [f"The intent has {'changed' if against.intent_changed else 'not changed'}."]
    if against.added is not None and against.removed is not None:
        lines.insert(0, f"{told(against.added)} people come in, {told(against.removed)} go.")
    return tuple(lines)


def _left_out(plan: Plan) -> tuple[Block, ...]:
    counts = told_cells([each.people for each in plan.left_out])
    rows = tuple((each.sentence, count) for each, count in zip(plan.left_out, counts, strict=True))
    return (Block("Left out", "", ("Why", "People"), rows),) if rows else ()


def _people(plan: Plan) -> tuple[Block, ...]:
    domains = told_names(
        [(str(each.name), each.people) for each in plan.domains], plan.others, plan.other_domains, noun="domains"
    )
    tables = [
        ("Domain", [(each.name, each.count) for each in domains]),
        ("Locale", _cells([(f"{each.name or 'unknown'} (gets {each.content})", each.people) for each in plan.locales])),
        ("Time zone", _cells([(each.name or "unknown", each.people) for each in plan.zones])),
        ("Lane", _cells([(str(each.name), each.people) for each in plan.lanes])),
    ]
    return tuple(
        Block("Who gets it", f"By {title.lower()}", (title, "People"), tuple(rows)) for title, rows in tables if rows
    )


def _cells(cells: list[tuple[str, int]]) -> list[tuple[str, str]]:
    counts = told_cells([count for _, count in cells])
    rows = [(name, count) for (name, _), count in zip(cells, counts, strict=True)]
    if len(rows) > _ROWS:
        rest = sum(count for _, count in cells[_ROWS:])
        rows = [*rows[:_ROWS], (f"{len(cells) - _ROWS} more", told(rest) if rest >= LEAST else "hidden")]
    return rows


def _overlaps(plan: Plan) -> tuple[Block, ...]:
    rows = tuple(
        (each.campaign, short_moment(each.due_at, plan.time_zone), each.state, told(each.people))
        for each in plan.overlaps
    )
    head = ("Campaign", "When", "Is", "Of these people")
    return (Block("Who else mails them within 7 days", "", head, rows),) if rows else ()


def _times(plan: Plan) -> tuple[Block, ...]:
    # Without the people of each: beside those by time zone they would tell how few have none.
    rows = tuple(
        (
            zone.name,
            short_moment(zone.first, plan.time_zone),
            short_moment(zone.last, plan.time_zone) if zone.people >= LEAST else "–",
            told(zone.expired),
        )
        for zone in plan.pace.greatest_zones[:_ROWS]
    )
    more = len(plan.pace.zones) - _ROWS
    summary = f"First and last send by zone (times in {plan.time_zone})"
    note = f"and {more} more zones" if more > 0 else ""
    return (Block("When", summary, ("Zone", "First", "Last", "Expire"), rows, note=note),) if rows else ()
