"""The plan for a pull request (GitHub's Markdown): what may be told to many, and nothing of it is markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from herold.planning.plan import Against, Plan, Sample, Violation
from herold.planning.privacy import LEAST
from herold.planning.telling import Block, Told, tell_plan
from herold.planning.words import one_line

_ACTIVE = re.compile(r"[\\`*_{}\[\]<>&|~@#]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def as_markdown(plan: Plan) -> str:
    """Real samples are left out, whatever the plan holds. Ends with a line break."""
    told = tell_plan(plan)
    title = [f"### Plan of {escaped(told.campaign)}, occurrence {told.occurrence}"]
    return joined([title, *told_parts(told)]) + "\n"


def told_parts(told: Told) -> list[list[str]]:
    """Paragraphs and tables, from the headline down."""
    hidden = f" · counts under {LEAST} are hidden" if told.counted else ""
    return [
        [f"**{escaped(told.headline)}**"],
        violation_lines(told.violations),
        table(("", "Plan"), [(name, escaped(value)) for name, value in told.facts], right=0),
        _against(told.against, told.change),
        *_blocks(told.blocks),
        _samples(told.samples),
        [f"<sub>Intent `sha256:{told.intent_digest}`{hidden} · made {told.made_at:%Y-%m-%d %H:%M} UTC</sub>"],
    ]


def joined(parts: Iterable[Sequence[str]]) -> str:
    """Parts with an empty line between them."""
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


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


def violation_lines(violations: Iterable[Violation]) -> list[str]:
    """One entry each: what is wrong, and in italics what to do."""
    marks = {"error": "❌ **Error**", "warning": "⚠️ **Warning**"}
    return [
        f"- {marks[each.severity]} {escaped(each.reason)}: {escaped(each.message)} *{escaped(each.fix)}*"
        for each in violations
    ]


def folded(title: str, lines: Sequence[str]) -> list[str]:
    """Lines that are shown when somebody asks for them. The title is escaped here."""
    return [f"<details><summary>{escaped(title)}</summary>", "", *lines, "", "</details>"]


def field_table(against: Against) -> list[str]:
    """Fields that differ, before and after."""
    rows = [(escaped(each.path), escaped(each.before or "–"), escaped(each.after or "–")) for each in against.fields]
    return table(("Field", "Before", "After"), rows, right=0)


def _against(against: Against | None, change: Sequence[str]) -> list[str]:
    if against is None:
        return []
    lines = [f"#### Against {escaped(against.revision)}", "", *(escaped(each) for each in change)]
    if fields := field_table(against):
        lines += ["", *fields]
    for diff in against.texts:
        lines += ["", f"{escaped(diff.part)} in {escaped(diff.locale)}:", "", *fenced(diff.lines, "diff")]
    return lines


def fenced(lines: Sequence[str], language: str) -> list[str]:
    """Lines as they are, whatever stands in them."""
    longest = max((len(found) for line in lines for found in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *lines, fence]


def _blocks(blocks: Iterable[Block]) -> list[list[str]]:
    parts = []
    for title, group in groupby(blocks, lambda block: block.title):
        parts.append([f"#### {escaped(title)}"])
        for block in group:
            lines = table(block.head, [[escaped(cell) for cell in row] for row in block.rows], right=block.right)
            if block.note:
                lines += ["", escaped(block.note)]
            parts.append(folded(block.summary, lines) if block.summary else lines)
    return parts


def _samples(samples: Sequence[Sample]) -> list[str]:
    lines = ["#### The message, to somebody made up"] if samples else []
    for each in samples:
        lines.append("")
        if each.trouble is not None:
            lines.append(f"{escaped(each.locale)}: can't be made: {escaped(each.trouble)}")
            continue
        lines += folded(
            f"{each.locale}: {each.subject}",
            [
                f"**{escaped(each.subject)}** — {escaped(each.preheader)}",
                "",
                *fenced(each.text.rstrip("\n").split("\n"), "text"),
            ],
        )
    return lines
