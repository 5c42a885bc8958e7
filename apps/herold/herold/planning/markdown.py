"""The plan for a pull request (GitHub's Markdown). A pull request is read by many and never erased: counts under ten
are hidden, samples are made up, nobody's address stands in it, and nothing from a template or a name is markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from herold.planning.plan import Against, Plan, Sample
from herold.planning.privacy import HIDDEN, LEAST, told, told_cells, told_names
from herold.planning.words import (
    headline,
    length,
    moment,
    money,
    number,
    one_line,
    short_moment,
)

_ROWS = 20
_FEW = re.compile(r"(?<![0-9,.])(?:1 person|[1-9] people)\b")
_ACTIVE = re.compile(r"[\\`*_{}\[\]<>&|~@#]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def as_markdown(plan: Plan) -> str:
    """Real samples are left out, whatever the plan holds. Ends with a line break."""
    small = 0 < plan.size < LEAST or 0 < plan.pace.sent < LEAST or 0 < plan.left_out_people < LEAST
    parts: list[Iterable[str]] = [
        [f"### Plan of {escaped(plan.campaign)}, occurrence {plan.occurrence}"],
        [f"**{escaped(_hidden_headline(plan) if small or 0 < plan.pace.expired < LEAST else headline(plan))}**"],
        _violations(plan),
        _facts(plan),
        _against(plan.against) if plan.against else [],
        _left_out(plan),
        _people(plan),
        _overlaps(plan),
        _times(plan),
        _samples([each for each in plan.samples if each.kind == "Rich"]),
        [
            f"<sub>Intent `sha256:{plan.intent_digest}` · counts under {LEAST} are hidden · "
            f"made {plan.made_at:%Y-%m-%d %H:%M} UTC</sub>"
        ],
    ]
    texts = ["\n".join(lines) for lines in (list(part) for part in parts) if lines]
    return "\n\n".join(texts) + "\n"


def escaped(text: str) -> str:
    """Text from anywhere as inert inline Markdown: no markup, no mention, no link, no cell border.

    Character references are never markup (CommonMark 0.31 2.5), neither in Markdown nor inside HTML. GitHub looks for
    mentions and issues afterwards, in what is shown: a word joiner, which nobody sees, stops that.
    """
    return _ACTIVE.sub(lambda found: f"&#{ord(found[0])};{'&#8288;' * (found[0] in '@#')}", one_line(text, 400))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: int = 1) -> list[str]:
    """A table whose last `right` columns are numbers. Cells are Markdown already."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return []
    marks = ["---"] * (len(head) - right) + ["---:"] * right
    return [f"| {' | '.join(head)} |", f"| {' | '.join(marks)} |", *lines]


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


def _violations(plan: Plan) -> list[str]:
    lines = []
    for each in plan.violations:
        mark = "❌ **Error**" if each.severity == "error" else "⚠️ **Warning**"
        message = escaped(_without_small(each.message))
        lines.append(f"- {mark} {escaped(each.reason)}: {message} *{escaped(each.fix)}*")
    return lines


def _without_small(message: str) -> str:
    """The message of a violation; when it is about fewer than ten people, their number is hidden."""
    hidden, small = _FEW.subn(f"{HIDDEN} people", message)
    return re.sub(r" \(<?[0-9]+ %\)", "", hidden) if small else message


def _facts(plan: Plan) -> list[str]:
    size = told(plan.size)
    if plan.estimate:
        size = f"about {size} (95 %: {told(plan.estimate.low)} to {told(plan.estimate.high)})"
    few = 0 < plan.pace.sent < LEAST
    rows = [
        ("People", size),
        ("Left out", told(plan.left_out_people)),
        ("First send", moment(plan.pace.first, plan.time_zone)),
        ("Last send", "–" if few else f"{moment(plan.pace.last, plan.time_zone)} ({length(plan.pace.duration)})"),
        ("Expire unsent", told(plan.pace.expired)),
        ("Cost", "–" if few else money(plan.cost, plan.currency)),
        ("From", plan.from_),
        ("Class, mode", f"{plan.message_class}, {plan.mode}{' (suspended)' if plan.suspended else ''}"),
        ("At most", f"{number(plan.bounds.max_recipients)} people"),
        ("Starts by", f"{moment(plan.bounds.start_by, plan.time_zone)}, or not at all"),
        ("Expires", f"{length(plan.bounds.expires_after)} after each person's time"),
        ("Times in", plan.time_zone),
    ]
    return table(("", "Plan"), [(name, escaped(value)) for name, value in rows], right=0)


def _against(against: Against) -> list[str]:
    lines = [f"#### Against {escaped(against.revision)}", ""]
    if not against.existed:
        return [*lines, "The campaign is new."]
    if against.added is not None and against.removed is not None:
        lines.append(f"{escaped(told(against.added))} people come in, {escaped(told(against.removed))} go.")
    lines.append(f"The intent has {'changed' if against.intent_changed else 'not changed'}.")
    fields = table(
        ("Field", "Before", "After"),
        [(escaped(each.path), escaped(each.before or "–"), escaped(each.after or "–")) for each in against.fields],
        right=0,
    )
    if fields:
        lines += ["", *fields]
    for diff in against.texts:
        lines += ["", f"{escaped(diff.part)} in {escaped(diff.locale)}:", "", *_fenced(diff.lines, "diff")]
    return lines


def _fenced(lines: Sequence[str], language: str) -> list[str]:
    longest = max((len(found) for line in lines for found in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *lines, fence]


def _left_out(plan: Plan) -> list[str]:
    if not plan.left_out:
        return []
    counts = told_cells([each.people for each in plan.left_out])
    rows = [(escaped(each.sentence), escaped(count)) for each, count in zip(plan.left_out, counts, strict=True)]
    return ["#### Left out", "", *table(("Why", "People"), rows)]


def _people(plan: Plan) -> list[str]:
    lines: list[str] = ["#### Who gets it"]
    domains = told_names(
        [(str(each.name), each.people) for each in plan.domains], plan.others, plan.other_domains, noun="domains"
    )
    blocks = [
        ("Domain", [(each.name, each.count) for each in domains]),
        ("Locale", _cells([(f"{each.name or 'unknown'} (gets {each.content})", each.people) for each in plan.locales])),
        ("Time zone", _cells([(each.name or "unknown", each.people) for each in plan.zones])),
        ("Lane", _cells([(str(each.name), each.people) for each in plan.lanes])),
    ]
    for title, cells in blocks:
        rows = [(escaped(name), escaped(count)) for name, count in cells]
        if rows:
            lines += ["", *_folded(f"By {title.lower()}", table((title, "People"), rows))]
    return lines if len(lines) > 1 else []


def _cells(cells: list[tuple[str, int]]) -> list[tuple[str, str]]:
    counts = told_cells([count for _, count in cells])
    rows = [(name, count) for (name, _), count in zip(cells, counts, strict=True)]
    if len(rows) > _ROWS:
        rest = sum(count for _, count in cells[_ROWS:])
        rows = [*rows[:_ROWS], (f"{len(cells) - _ROWS} more", told(rest) if rest >= LEAST else "hidden")]
    return rows


def _overlaps(plan: Plan) -> list[str]:
    if not plan.overlaps:
        return []
    rows = [
        (
            escaped(each.campaign),
            escaped(short_moment(each.due_at, plan.time_zone)),
            escaped(each.state),
            escaped(told(each.people)),
        )
        for each in plan.overlaps
    ]
    head = ("Campaign", "When", "Is", "Of these people")
    return ["#### Who else mails them within 7 days", "", *table(head, rows)]


def _times(plan: Plan) -> list[str]:
    # Without the people of each: beside those by time zone they would tell how few have none.
    zones = plan.pace.greatest_zones
    rows = [
        (
            escaped(zone.name),
            escaped(short_moment(zone.first, plan.time_zone)),
            escaped(short_moment(zone.last, plan.time_zone) if zone.people >= LEAST else "–"),
            escaped(told(zone.expired)),
        )
        for zone in zones[:_ROWS]
    ]
    if not rows:
        return []
    lines = table(("Zone", "First", "Last", "Expire"), rows)
    if len(plan.pace.zones) > _ROWS:
        lines += ["", f"and {len(plan.pace.zones) - _ROWS} more zones"]
    return ["#### When", "", *_folded(f"First and last send by zone (times in {plan.time_zone})", lines)]


def _folded(title: str, lines: list[str]) -> list[str]:
    return [f"<details><summary>{escaped(title)}</summary>", "", *lines, "", "</details>"]


def _samples(samples: list[Sample]) -> list[str]:
    lines = ["#### The message, to somebody made up"] if samples else []
    for each in samples:
        lines.append("")
        if each.trouble is not None:
            lines.append(f"{escaped(each.locale)}: can't be made: {escaped(each.trouble)}")
            continue
        lines += _folded(
            f"{each.locale}: {each.subject}",
            [
                f"**{escaped(each.subject)}** — {escaped(each.preheader)}",
                "",
                *_fenced(each.text.rstrip("\n").split("\n"), "text"),
            ],
        )
    return lines
