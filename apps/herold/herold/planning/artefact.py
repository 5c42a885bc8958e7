"""The plan of a branch as one page that opens without network: the whole of what its comment had no room for."""

from __future__ import annotations

from functools import cache
from importlib import resources

from minijinja import Environment

from herold.planning import words
from herold.planning.comment import in_short, place, summary
from herold.planning.page import document
from herold.planning.plan import Sample
from herold.planning.review import Entry, Review, Verdict

MOST_BYTES = 20_000_000  # of messages in frames; a browser opens such a page in seconds
_STYLES = {Verdict.FINE: "accent", Verdict.NEEDS_APPROVAL: "warn", Verdict.REFUSED: "bad"}


def as_artefact(review: Review) -> str:
    """A whole document of what may be told to many. It runs no script and loads nothing; frames are sandboxed."""
    body = _environment().render_template(
        "review.html",
        review=review,
        branch=review.branch,
        summary=summary(review),
        shown=_shown(review),
    )
    return document(f"Plan: {summary(review).revisions}", body)


@cache
def _environment() -> Environment:
    environment = Environment(
        debug=False,
        undefined_behavior="strict",
        auto_escape_callback=lambda name: True,
        trim_blocks=True,
        lstrip_blocks=True,
        filters={
            "number": words.number,
            "moment": words.moment,
            "line": words.one_line,
            "verdict": lambda verdict: Verdict(verdict).words,
            "style": lambda verdict: _STYLES[Verdict(verdict)],
            "in_short": lambda entry: in_short(entry, 300),
            "place": place,
        },
    )
    environment.add_template("review.html", (resources.files("herold.planning") / "review.html").read_text())
    return environment


def _shown(review: Review) -> list[tuple[Entry, tuple[Sample, ...], int]]:
    """Entries with the samples that there is room for, and how many are left out."""
    room = MOST_BYTES
    found = []
    for entry in review.entries:
        samples = entry.told.samples if entry.told is not None else ()
        size = sum(len(each.html or "") + len(each.text) for each in samples)
        room -= size
        kept = samples if room >= 0 else ()
        found.append((entry, kept, len(samples) - len(kept)))
    return found
