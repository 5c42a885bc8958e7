"""The plan for a terminal. Nothing in it moves the cursor or colours anything, whatever a template or a name holds."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from herold.message.values import clean
from herold.planning.plan import Against, Plan, Sample
from herold.planning.words import (
    headline,
    length,
    moment,
    money,
    number,
    one_line,
    people,
    share,
    short_moment,
    signed,
)

_WIDTH = 100
_ROWS = 20
_KINDS = {
    "Rich": "somebody well known (made up)",
    "Bare": "somebody hardly known (made up)",
    "Hostile": "hostile values (made up)",
    "Real": "a real person",
}


def as_text(plan: Plan) -> str:
    """Everything but the HTML of the samples. Ends with a line break."""
    parts = [
        _title(plan),
        _violations(plan),
        _facts(plan),
        _against(plan.against) if plan.against else [],
        _table("Left out", [(each.sentence, number(each.people)) for each in plan.left_out]),
        _people(plan),
        _table(
            "Who else mails them within 7 days",
            [
                (f"{each.campaign}, {short_moment(each.due_at, plan.time_zone)} ({each.state})", number(each.people))
                for each in plan.overlaps
            ],
        ),
        _times(plan),
        *(_sample(each) for each in plan.samples if each.kind in ("Rich", "Real")),
    ]
    return "\n\n".join("\n".join(clean(line) for line in part) for part in parts if part) + "\n"


def _title(plan: Plan) -> list[str]:
    about = f"{plan.campaign} #{plan.occurrence} · {plan.message_class} · {plan.mode} · from {one_line(plan.from_)}"
    return [about, *textwrap.wrap(headline(plan), _WIDTH)]


def _violations(plan: Plan) -> list[str]:
    lines = []
    for each in plan.violations:
        mark = "ERROR" if each.severity == "error" else "warning"
        text = one_line(f"{mark} {each.reason}: {each.message}", 2_000)
        lines += textwrap.wrap(text, _WIDTH, subsequent_indent="    ")
        lines += textwrap.wrap(
            one_line(f"fix: {each.fix}", 2_000), _WIDTH, initial_indent="    ", subsequent_indent="    "
        )
    return lines


def _facts(plan: Plan) -> list[str]:
    size = number(plan.size)
    if plan.estimate:
        size = f"about {size} (95 %: {number(plan.estimate.low)} to {number(plan.estimate.high)})"
    rows = [
        ("people", size),
        ("left out", number(plan.left_out_people)),
        ("first send", moment(plan.pace.first, plan.time_zone)),
        ("last send", f"{moment(plan.pace.last, plan.time_zone)} ({length(plan.pace.duration)})"),
        ("expire unsent", number(plan.pace.expired)),
        ("cost", money(plan.cost, plan.currency)),
        ("at most", f"{people(plan.bounds.max_recipients)} (maxRecipients)"),
        ("starts by", f"{moment(plan.bounds.start_by, plan.time_zone)}, or not at all"),
        ("expires", f"{length(plan.bounds.expires_after)} after each person's time"),
        ("times in", plan.time_zone),
        ("intent", f"sha256:{plan.intent_digest}"),
    ]
    return [f"  {name:<14} {value}" for name, value in rows]


def _against(against: Against) -> list[str]:
    lines = [f"Against {one_line(against.revision, 80)}"]
    if not against.existed:
        return [*lines, "  The campaign is new."]
    if against.added is not None and against.removed is not None:
        lines.append(f"  {signed(against.added)} people come in, {signed(-against.removed)} go")
    lines.append(f"  The intent has {'changed' if against.intent_changed else 'not changed'}.")
    lines += [
        f"  {one_line(each.path)}: {one_line(each.before or '(not there)')} -> {one_line(each.after or '(not there)')}"
        for each in against.fields
    ]
    for diff in against.texts:
        lines += [f"  {diff.part} in {diff.locale}", *(f"    {line}" for line in diff.lines)]
    return lines


def _people(plan: Plan) -> list[str]:
    lines: list[str] = []
    domains = [(str(cell.name), cell.people) for cell in plan.domains]
    if plan.other_domains:
        domains.append((f"{number(plan.other_domains)} others", plan.others))
    locales = [(f"{each.name or 'unknown'} (gets {each.content})", each.people) for each in plan.locales]
    zones = [(each.name or "unknown", each.people) for each in plan.zones]
    lanes = [(str(each.name), each.people) for each in plan.lanes]
    for title, cells in (("By domain", domains), ("By locale", locales), ("By time zone", zones), ("By lane", lanes)):
        rows = [(one_line(name, 60), f"{number(count)}  {share(count, plan.size):>5}") for name, count in cells]
        if lines and rows:
            lines.append("")
        lines += _table(title, rows)
    return lines


def _times(plan: Plan) -> list[str]:
    rows = [
        (
            f"{zone.name}: {short_moment(zone.first, plan.time_zone)} to {short_moment(zone.last, plan.time_zone)}",
            number(zone.people) + (f", {number(zone.expired)} expire" if zone.expired else ""),
        )
        for zone in plan.pace.greatest_zones
    ]
    return _table("First and last send by zone", rows)


def _table(title: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    all_rows = list(rows)
    lines = list(_rows(all_rows[:_ROWS]))
    if len(all_rows) > _ROWS:
        lines.append(f"  and {number(len(all_rows) - _ROWS)} more")
    return [title, *lines] if lines else []


def _rows(rows: list[tuple[str, str]]) -> Iterator[str]:
    wide = max((len(name) for name, _ in rows), default=0)
    longest = max((len(value) for _, value in rows), default=0)
    for name, value in rows:
        yield f"  {name:<{wide}}  {value:>{longest}}"


def _sample(sample: Sample) -> list[str]:
    lines = [f"Sample in {sample.locale}: {_KINDS[sample.kind]}"]
    if sample.trouble is not None:
        return [*lines, f"  can't be made: {one_line(sample.trouble, 400)}"]
    lines += [
        f"  From:    {one_line(sample.sender)}",
        f"  Subject: {one_line(sample.subject)}",
        f"  Preview: {one_line(sample.preheader)}",
    ]
    return [*lines, *(f"  | {line}" for line in sample.text.rstrip("\n").split("\n"))]
