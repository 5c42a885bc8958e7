"""The plan of a branch as one comment on its pull request: never longer than GitHub takes, the most needed first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from herold.errors import Mistake
from herold.planning.approving import wanted_lines
from herold.planning.branch import What
from herold.planning.markdown import escaped, fenced, joined, table, told_parts, violation_lines
from herold.planning.privacy import LEAST
from herold.planning.review import Entry, Review, Verdict
from herold.planning.words import number

# GitHub refuses a body of more than 65,536 characters; bytes are never fewer than characters.
MOST_BYTES = 65_000
MARK = "<!-- herold plan -->"  # by which the comment is found again, and replaced
_MOST_NOTES, _MOST_FIELDS = 8, 8
# Bytes of the parts before the campaigns, whatever stands in them, and of a campaign in short.
_OVERVIEW, _OTHER_PARTS, _SHORT = 16_000, 6_000, 3_000
_ICONS = {Verdict.FINE: "✅", Verdict.NEEDS_APPROVAL: "✋", Verdict.REFUSED: "❌"}
_RESERVE = 400  # bytes for the last line
_CHANGES: dict[What, str] = {
    "Added": "added",
    "Edited": "edited",
    "Affected": "hit by what they name",
    "Deleted": "deleted",
    "Broken": "with mistakes",
}


def as_comment(review: Review) -> str:
    """GitHub's Markdown, at most `MOST_BYTES` long in UTF-8. Ends with a line break.

    Campaigns are told whole while there is room, then in short, then as a row of a table, then as a number.
    """
    first = summary(review)
    head = joined(
        [
            [MARK, f"## Plan of {escaped(first.revisions)}"],
            [f"{_ICONS[review.verdict]} **{review.verdict.words}.** {escaped(first.changes)}"],
            [escaped(first.numbers)],
            within(
                mistake_lines(review.branch.mistakes), _OTHER_PARTS, "- and {} more: `herold validate` names them all"
            ),
            within(violation_lines(review.notes), _OTHER_PARTS, "- and {} more"),
            within(_overview(review.entries), _OVERVIEW, "\nand {} more campaigns"),
            within(_others(review), _OTHER_PARTS, "\nand {} more resources"),
        ]
    )
    room = MOST_BYTES - _RESERVE - _size(head)
    chosen, left_out = _fitting(review.entries, room)
    foot = f"<sub>{'Counts under ' + str(LEAST) + ' are hidden · ' if review.counted else ''}made by `herold plan`"
    if left_out:
        foot += f" · {number(left_out)} more campaigns did not fit here: see the page beside this comment"
    return f"{joined([[head], *([each] for each in chosen), [f'{foot}</sub>']])}\n"


@dataclass(frozen=True, slots=True)
class Summary:
    """What every form of a review begins with, as plain words."""

    revisions: str
    changes: str
    numbers: str


def summary(review: Review) -> Summary:
    """The first words about a review."""
    counts = Counter(entry.change.what for entry in review.entries)
    told = ", ".join(f"{number(counts[what])} {word}" for what, word in _CHANGES.items() if counts[what])
    total = len(review.entries)
    numbers = "People are not counted: this plan is made from files alone."
    if review.counted:
        where = ", ".join(review.counted)
        numbers = f"People of {where} are counted in its ledger; very many are estimated from a sample."
    return Summary(
        f"{review.branch.base}..{review.branch.head}",
        f"{number(total)} campaign{'s' if total != 1 else ''}: {told}." if total else "No campaign changes.",
        numbers,
    )


def _fitting(entries: Sequence[Entry], room: int) -> tuple[list[str], int]:
    """As many as fit, whole where that leaves room for the others in short; and how many are left out."""
    short = [_in_short(entry) for entry in entries]
    left = room - sum(_size(each) for each in short)
    chosen = []
    for entry, brief in zip(entries, short, strict=True):
        if left >= 0:
            whole = _section(entry, _whole(entry))
            if (more := _size(whole) - _size(brief)) <= left:
                left -= more
                chosen.append(whole)
                continue
            chosen.append(brief)
        elif sum(_size(each) for each in chosen) + _size(brief) <= room:
            chosen.append(brief)
        else:
            break
    return chosen, len(entries) - len(chosen)


def _size(text: str) -> int:
    return len(text.encode()) + 2  # and the empty line after it


def within(lines: Sequence[str], most: int, more: str) -> list[str]:
    """The first lines that together have at most so many bytes; the last one then says how many follow."""
    left = most
    for index, line in enumerate(lines):
        left -= len(line.encode()) + 1
        if left < 0:
            return [*lines[:index], more.format(number(len(lines) - index))]
    return list(lines)


def _in_short(entry: Entry) -> str:
    text = _section(entry, _short(entry))
    return text if _size(text) <= _SHORT else _section(entry, [["Too long to be told here."]])


def _section(entry: Entry, parts: Sequence[Sequence[str]]) -> str:
    change = entry.change
    title = f"{_ICONS[entry.verdict]} {escaped(change.name)} · {change.environment} · {change.what.lower()}"
    return joined([[f"<details><summary>{title}</summary>"], *parts, ["</details>"]])


def _whole(entry: Entry) -> list[list[str]]:
    parts = [*_causes(entry), violation_lines(entry.notes), *_wanted(entry)]
    if entry.told is not None:
        first, *others = told_parts(entry.told)
        return [first, *parts, *others]
    return parts


def _short(entry: Entry) -> list[list[str]]:
    parts = [*_causes(entry), violation_lines(entry.notes[:_MOST_NOTES])]
    told = entry.told
    if told is None:
        return parts
    fields = [f"`{escaped(each.path)}`" for each in (told.against.fields if told.against else ())][:_MOST_FIELDS]
    texts = [f"{escaped(each.part)} in {escaped(each.locale)}" for each in (told.against.texts if told.against else ())]
    changed = ", ".join([*fields, *texts[:_MOST_FIELDS]])
    return [[f"**{escaped(told.headline)}**"], *parts, [f"Changed: {changed}"] if changed else []]


def _wanted(entry: Entry) -> list[list[str]]:
    """The file that is missing, ready to be copied; it is all ours, but for names that have no markup in them."""
    if entry.wanted is None:
        return []
    title = f"An approver adds `{entry.wanted.file}`, with name and reason:"
    return [[title], fenced(wanted_lines(entry.wanted), "yaml")]


def _causes(entry: Entry) -> list[list[str]]:
    causes = entry.change.causes
    if not causes:
        return []
    more = f" and {len(causes) - 10} more" if len(causes) > 10 else ""
    return [[f"It names what changed: {', '.join(escaped(each) for each in causes[:10])}{more}."]]


def _overview(entries: Sequence[Entry]) -> list[str]:
    rows = [
        (
            _ICONS[entry.verdict],
            escaped(entry.change.name),
            entry.change.environment,
            entry.change.what.lower(),
            escaped(in_short(entry)),
        )
        for entry in entries
    ]
    return table(("", "Campaign", "Environment", "Change", "In short"), rows, right=0)


def in_short(entry: Entry, most: int = 160) -> str:
    """The first thing that is wrong, or what happens; at most so many characters."""
    note = entry.notes[0].message if entry.notes else ""
    told = entry.told.headline if entry.told is not None else note
    words = note if entry.verdict is not Verdict.FINE else told
    return words if len(words) <= most else f"{words[: most - 1]}…"


def mistake_lines(mistakes: Sequence[Mistake]) -> list[str]:
    """One entry each: where, what, and in italics what to do."""
    return [
        f"- ❌ **Mistake** {escaped(place(each))}: {escaped(each.message)}"
        + (f" *{escaped(each.fix)}*" if each.fix else "")
        for each in mistakes
    ]


def place(mistake: Mistake) -> str:
    """File, line and path."""
    where = f"{mistake.file}:{mistake.line}" if mistake.line else mistake.file
    return f"{where}: {mistake.path}" if mistake.path else where


def _others(review: Review) -> list[str]:
    others = review.branch.others
    rows = [
        (escaped(f"{each.kind} {each.name}"), each.environment, each.what.lower(), number(each.used_by))
        for each in others
    ]
    return table(("Also changed", "Environment", "Change", "Campaigns that use it"), rows)
