"""How a team is told what happened to a campaign: the kinds of notices, their words, and their bodies.

Nothing in one is about a person: numbers, names of resources, our own words. What people wrote (reasons of holds, who
did it) stays out, because nobody knows what they wrote.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from herold.ledger.notices import Notice
from herold.planning.words import length, number, people
from herold_operator.conditions import stamp
from herold_operator.reasons import MEANINGS, Reason
from herold_operator.snapshot import RunView

MOST_FINDINGS = 50
_MOST_WORDS = 1000  # characters of a finding
# Their sentences may quote a template.
_QUOTES = ("CannotRender",)
_WITH_AT = re.compile(r"\S*@\S*")
_SPACES = re.compile(r"\s+")
# Not those in a name: s1._domainkey and s2._domainkey are two.
_NUMBER = re.compile(r"\b\d[\d,.]*")
_COUNTS = ("planned", "sent", "deferred", "failed", "suppressed", "skipped", "uncertain")


class NoticeType(StrEnum):
    """What is told. The names stay."""

    PREFLIGHT_FOUND = "campaign.preflight_found"
    PREFLIGHT_CLEAR = "campaign.preflight_clear"
    STARTED = "campaign.started"
    HELD = "campaign.held"
    RELEASED = "campaign.released"
    TROUBLE = "campaign.trouble"
    TROUBLE_OVER = "campaign.trouble_over"
    COMPLETED = "campaign.completed"
    STOPPED = "campaign.stopped"
    MISSED = "campaign.missed"


NOTICES: dict[NoticeType, str] = {
    NoticeType.PREFLIGHT_FOUND: "Pre-flight found what would go wrong at its time: one notice for each finding, once.",
    NoticeType.PREFLIGHT_CLEAR: "Pre-flight looked again and found nothing any more.",
    NoticeType.STARTED: "Its messages go out.",
    NoticeType.HELD: "A brake is on (`reason`: `SpecSuspend`, `Held`, `LooksLikeRepeat`, `MassDeletion`, `Orphaned`).",
    NoticeType.RELEASED: "No brake is on any more.",
    NoticeType.TROUBLE: "A person should look; `reason` is that of the condition Degraded, or `ApprovalMissing`.",
    NoticeType.TROUBLE_OVER: "That is over.",
    NoticeType.COMPLETED: "Everybody of the audience has a final outcome: the report.",
    NoticeType.STOPPED: "It was stopped for good and is over: the report.",
    NoticeType.MISSED: "It could not start in time; nothing was sent.",
}
ENDS = {"Completed": NoticeType.COMPLETED, "Stopped": NoticeType.STOPPED, "Missed": NoticeType.MISSED}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that pre-flight found, in words that may be told."""

    reason: str
    message: str
    hint: str

    @property
    def key(self) -> str:
        """The same for the same finding, though it counts other people by now."""
        return hashlib.sha256(_NUMBER.sub("", f"{self.reason} {self.message}").encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class About:
    """The campaign that is told of. `findings`: None while pre-flight has no answer; `at`: the ledger's time."""

    system: str
    environment: str
    namespace: str
    name: str
    uid: str
    mode: str
    generation: int
    occurrence: int
    digest: str
    run: RunView | None
    findings: tuple[Finding, ...] | None
    at: datetime


def build_findings(found: tuple[Mapping[str, str], ...] | None) -> tuple[Finding, ...] | None:
    """In words that may be told. None: not known."""
    if found is None:
        return None
    return tuple(_finding(each) for each in found[:MOST_FINDINGS])


def _finding(found: Mapping[str, str]) -> Finding:
    if found["what"] in _QUOTES:
        return Finding(found["what"], "a text of the message can't be rendered", "kubectl describe campaign says which")
    return Finding(found["what"], _clean(found["message"]), _clean(found.get("hint") or ""))


def _clean(words: str) -> str:
    """One line, without anything that could be an address."""
    return _WITH_AT.sub("<address>", _SPACES.sub(" ", words)).strip()[:_MOST_WORDS]


def build_notice(
    type_: NoticeType,
    about: About,
    reason: str = "",
    finding: Finding | None = None,
    *,
    turn: int = 0,
    is_last: bool = False,
) -> Notice:
    """`turn` tells what may come again from the time before; a run starts and ends once. `is_last`: of today."""
    run = about.run.id if about.run is not None else 0
    # A run's identity is not the resource's: one that was deleted and made again finds its run.
    whose = [about.system, about.environment, about.namespace, about.name, "" if run else about.uid, run]
    words = json.dumps([*whose, type_, reason, finding.key if finding else "", turn])
    number_ = f"msg_{hashlib.sha256(words.encode()).hexdigest()[:32]}"
    text = _text(type_, about, reason, finding) + (_LAST if is_last else "")
    body = {
        "type": str(type_),
        "timestamp": stamp(_at(type_, about)),
        "text": f"{about.namespace}/{about.name} ({about.environment}): {text}",
        "data": dict(_data(type_, about, reason, finding)),
    }
    return Notice(number_, str(type_), json.dumps(body, ensure_ascii=False, separators=(",", ":")))


def _at(type_: NoticeType, about: About) -> datetime:
    run = about.run
    if run is not None and type_ is NoticeType.STARTED and run.started_at is not None:
        return run.started_at
    if run is not None and type_ in ENDS.values() and run.closed_at is not None:
        return run.closed_at
    return about.at


def _data(type_: NoticeType, about: About, reason: str, finding: Finding | None) -> Iterator[tuple[str, Any]]:
    yield "environment", about.environment
    yield "namespace", about.namespace
    yield "name", about.name
    yield "mode", about.mode
    yield "generation", about.generation
    yield "occurrence", about.occurrence
    if reason:
        yield "reason", reason
    if finding is not None:
        yield "finding", {"message": finding.message, "hint": finding.hint}
    run = about.run
    digest = about.digest if run is None else run.intent_digest
    if digest:
        yield "intentDigest", digest
    if run is None:
        return
    yield "run", run.id
    yield (
        "counts",
        {name: getattr(run, name) for name in _COUNTS},
    )
    yield "leftOut", dict(run.left_out)
    if run.started_at is not None:
        yield "startedTime", stamp(run.started_at)
    if run.closed_at is not None and type_ in ENDS.values():
        yield "closedTime", stamp(run.closed_at)
        if run.started_at is not None:
            yield "durationSeconds", round((run.closed_at - run.started_at).total_seconds(), 1)


def _text(type_: NoticeType, about: About, reason: str, finding: Finding | None) -> str:
    run = about.run
    match type_:
        case NoticeType.PREFLIGHT_FOUND if finding is not None:
            hint = f". To do: {finding.hint}" if finding.hint else ""
            return f"something would go wrong at its time. {finding.reason}: {finding.message}{hint}."
        case NoticeType.PREFLIGHT_CLEAR:
            return "what pre-flight found holds no longer."
        case NoticeType.STARTED if run is not None:
            return f"its messages go out to {people(run.planned)}{_left_out(run)}."
        case NoticeType.HELD:
            return f"nothing goes out. {_MEANS.get(reason) or MEANINGS[Reason(reason)].says}{_so_far(run)}"
        case NoticeType.RELEASED:
            return "no brake is on any more."
        case NoticeType.TROUBLE:
            meaning = MEANINGS[Reason(reason)]
            return f"{reason}. {meaning.says}" + (f" To do: {meaning.do}" if meaning.do else "")
        case NoticeType.TROUBLE_OVER:
            return f"{reason} is over."
        case NoticeType.MISSED:
            return "it could not start in time; nothing was sent."
        case _ if run is not None:
            return f"{'stopped for good' if type_ is NoticeType.STOPPED else 'done'}. {_report(run)}"
        case _:
            return str(type_)


_LAST = " It comes and goes: nothing more of this is told today."
_MEANS = {
    "Orphaned": "The Campaign was deleted while its run is open; the run pauses, and is kept.",
    "MassDeletion": "It vanished together with many others; its run waits for a person.",
}


def _so_far(run: RunView | None) -> str:
    return f" So far {number(run.sent)} of {people(run.planned)} got it." if run is not None else ""


def _left_out(run: RunView) -> str:
    left = {reason: count for reason, count in sorted(run.left_out.items()) if count}
    if not left:
        return ""
    listed = ", ".join(f"{reason} {number(count)}" for reason, count in left.items())
    return f"; {people(sum(left.values()))} left out ({listed})"


def _report(run: RunView) -> str:
    counts = {name: getattr(run, name) for name in ("sent", "failed", "suppressed", "skipped")}
    words = ", ".join(f"{number(count)} {name}" for name, count in counts.items() if count or name == "sent")
    unclear = f", possibly not reached: {number(run.uncertain)}" if run.uncertain else ""
    took = ""
    if run.started_at is not None and run.closed_at is not None:
        took = f" It took {length(run.closed_at - run.started_at)}."
    return f"Of {people(run.planned)}: {words}{unclear}{_left_out(run)}.{took}"


def reference_lines() -> list[str]:
    """Their part of docs/reference/operator.md."""
    lines = [
        "# Notices",
        "",
        "A team is told these by a signed webhook where the platform declared one "
        "([hear of campaigns](../how-to/hear-of-campaigns.md)): at least once each, in their order.",
        "",
        "| type | says |",
        "| --- | --- |",
    ]
    return lines + [f"| `{type_}` | {says} |" for type_, says in NOTICES.items()]
