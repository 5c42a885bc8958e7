"""The plan of a branch in brief: for a terminal, and for programs."""

from __future__ import annotations

import json
import textwrap

from herold.plain import plain
from herold.planning.comment import in_short, place, summary
from herold.planning.review import Review
from herold.planning.words import one_line

_WIDTH = 100


def as_review_text(review: Review) -> str:
    """One paragraph a campaign. Ends with a line break."""
    told = summary(review)
    parts = [[f"{told.revisions}: {review.verdict.words.lower()}. {told.changes}", told.numbers]]
    parts.append([f"MISTAKE {place(each)}: {each.message}" for each in review.branch.mistakes])
    parts.append([f"{each.severity.upper()} {each.reason}: {each.message} {each.fix}" for each in review.notes])
    for entry in review.entries:
        change = entry.change
        parts.append(
            [
                f"{change.name} ({change.environment}, {change.what.lower()}): {entry.verdict.words.lower()}",
                *([entry.told.headline] if entry.told is not None else []),
                *(f"{each.severity} {each.reason}: {each.message} {each.fix}" for each in entry.notes),
            ]
        )
    others = review.branch.others
    parts.append([f"{each.kind} {each.name} ({each.environment}): {each.what.lower()}" for each in others])
    wrapped = ([line for index, each in enumerate(part) for line in _wrapped(each, index)] for part in parts)
    return "\n\n".join("\n".join(part) for part in wrapped if part) + "\n"


def _wrapped(words: str, index: int) -> list[str]:
    first = "  " if index else ""
    return textwrap.wrap(
        one_line(words, 2_000), _WIDTH, initial_indent=first, subsequent_indent="    ", break_on_hyphens=False
    )


def as_review_json(review: Review) -> str:
    """The verdict of each campaign and why. Ends with a line break."""
    branch = review.branch
    content = {
        "base": branch.base,
        "head": branch.head,
        "verdict": review.verdict.words,
        "counted": review.counted,
        "madeAt": review.made_at,
        "mistakes": branch.mistakes,
        "notes": review.notes,
        "campaigns": [
            {
                "name": entry.change.name,
                "environment": entry.change.environment,
                "change": entry.change.what,
                "causes": entry.change.causes,
                "verdict": entry.verdict.words,
                "inShort": in_short(entry),
                "intentDigest": entry.told.intent_digest if entry.told is not None else None,
                "notes": entry.notes,
                "approval": entry.wanted,
            }
            for entry in review.entries
        ],
        "others": [
            {"kind": each.kind, "name": each.name, "environment": each.environment, "change": each.what}
            for each in branch.others
        ],
    }
    return json.dumps(plain(content), ensure_ascii=False, indent=2) + "\n"
