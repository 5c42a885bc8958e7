"""One campaign on one screen: lines of text, none longer than the terminal is wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from herold.words import instant, legible, span
from herold_kubectl.confirming import settled
from herold_kubectl.pace import Pace
from herold_kubectl.troubles import Trouble

_BAR = 40
# More than that is no screen any more; kubectl describe has all of it.
_EVENTS, _MESSAGE, _SENTENCES = 5, 100, 5


@dataclass(frozen=True, slots=True)
class Workers:
    """The Deployment of the sender's workers; `asked` and `ready` are 0 where there is none."""

    sender: str
    asked: int
    ready: int


@dataclass(frozen=True, slots=True)
class Happened:
    """A Kubernetes Event. `at` is when it happened last."""

    at: datetime | None
    reason: str
    message: str
    count: int


@dataclass(frozen=True, slots=True)
class View:
    """Everything that is known of a campaign. None: it may not be read."""

    campaign: Mapping[str, Any]
    troubles: tuple[Trouble, ...]
    pace: Pace | None
    workers: Workers | None
    events: Sequence[Happened] | None


def build_screen(view: View, width: int, *, blocks: bool) -> list[str]:
    """The lines. `blocks`: the terminal can show them, else the bar is of letters."""
    return [line for each in _parts(view, blocks=blocks) for line in _fit(each, width)]


def _parts(view: View, *, blocks: bool) -> Iterator[str]:
    metadata, status = view.campaign["metadata"], view.campaign.get("status") or {}
    run = status.get("run")
    number = f", run {run['id']}, occurrence {run['occurrence']}" if run else ""
    yield f"{metadata['namespace']}/{metadata['name']}: {status.get('state', 'not seen by the operator yet')}{number}"
    yield from _progress(status, view.pace, blocks=blocks)
    if status.get("nextSendTime"):
        yield f"next: {instant(datetime.fromisoformat(status['nextSendTime']))}"
    yield ""
    if not view.troubles:
        yield "Nothing stands in its way."
    for trouble in view.troubles:
        since = f", since {instant(datetime.fromisoformat(trouble.since))}" if trouble.since else ""
        yield f"{trouble.condition}: {trouble.reason}{since}"
        sentences = trouble.message.split("; ")
        yield from (f"  {each}" for each in sentences[:_SENTENCES])
        if more := len(sentences[_SENTENCES:]):
            yield f"  and {more} more: kubectl describe campaign {metadata['name']} -n {metadata['namespace']}"
        if trouble.do:
            yield f"  To do: {trouble.do}"
    yield ""
    yield _workers(view.workers)
    yield from _events(view.events)


def _progress(status: Mapping[str, Any], pace: Pace | None, *, blocks: bool) -> Iterator[str]:
    counts = status.get("counts")
    if not counts:
        return
    planned, done = counts["planned"], settled(counts)
    share = done / planned if planned else 1.0
    full = round(share * _BAR)
    yes, no = ("█", "░") if blocks else ("#", ".")
    yield f"[{yes * full}{no * (_BAR - full)}] {share:.0%}, {done:,} of {planned:,} settled"
    off = f", {counts['deferred']:,} of them put off" if counts["deferred"] else ""
    told = [f"{name} {counts[name]:,}" for name in ("sent", "failed", "uncertain")]
    yield "  ".join([*told, f"waiting {planned - done:,}{off}"])
    if counts["suppressed"] or counts["skipped"]:
        yield f"suppressed {counts['suppressed']:,}  skipped {counts['skipped']:,}"
    at = (status.get("ledger") or {}).get("observedTime")
    as_of = f"counted at {instant(datetime.fromisoformat(at))}" if at else ""
    if pace is None:
        yield as_of
        return
    basis = "" if pace.basis == "lately" else " on average since it began"
    left = f", about {span(pace.seconds_left)} left" if pace.seconds_left is not None else ""
    yield f"{pace.per_second:,.1f} a second{basis}{left}; {as_of}"


def _workers(workers: Workers | None) -> str:
    if workers is None:
        return "workers: you may not read them (deployments in herold-senders)"
    return f"workers of {workers.sender}: {workers.asked} asked for, {workers.ready} ready"


def _events(events: Sequence[Happened] | None) -> Iterator[str]:
    if events is None:
        yield "events: you may not read them"
        return
    if not events:
        yield "events: none in the last hour"
        return
    yield "events:"
    for each in events[-_EVENTS:]:
        times = f" ({each.count} times)" if each.count > 1 else ""
        message = each.message if len(each.message) <= _MESSAGE else f"{each.message[:_MESSAGE]}…"
        yield f"  {instant(each.at)}  {each.reason}{times}: {message}"


def _fit(text: str, width: int) -> list[str]:
    """What others wrote can't move the cursor, and what is too long goes on below, indented."""
    text = legible(text)
    indent = " " * (len(text) - len(text.lstrip()))
    return textwrap.wrap(
        text, width, subsequent_indent=f"{indent}  ", break_long_words=True, break_on_hyphens=False
    ) or [""]
