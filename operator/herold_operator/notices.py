"""Which facts of a campaign are news for its team. Pure functions.

Notices are planned from what has been told and what is so now, not from two statuses: what has been told is kept in the
ledger, and changes together with the notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from herold.ledger.notices import Notice
from herold_operator.notice_body import ENDS, MOST_FINDINGS, About, Finding, NoticeType, build_notice
from herold_operator.reasons import ConditionType, Reason

# Degraded for one of these is no news for a team: it is the platform's, or is told in another way.
_SILENT = (Reason.AS_EXPECTED, Reason.LEDGER_UNAVAILABLE, Reason.PREFLIGHT_FOUND_TROUBLE, Reason.PREFLIGHT_FAILED)
# Of brakes, trouble and findings of one campaign, in a day of the ledger's: what flaps floods nobody's chat.
MOST_A_DAY = 50
# What ended longer ago is no news: as long as a notice is tried.
NEWS = timedelta(days=1)
# And after its end nothing but an edit that came too late.
_AFTER_THE_END = (Reason.ALREADY_RAN, Reason.OCCURRENCE_WENT_BACK)


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a campaign is told when it changes. `run` is the newest of which anything was told, `brake` and `trouble`
    are reasons, '' for none. `ahead` are findings, as `Finding.key` has them; `turn` grows with each notice of a thing
    that may come again, `spent` counts those of `day`."""

    run: int = 0
    started: bool = False
    end: str = ""
    brake: str = ""
    trouble: str = ""
    ahead: tuple[str, ...] = ()
    turn: int = 0
    day: str = ""
    spent: int = 0

    def to_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {**asdict(self), "ahead": list(self.ahead)}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Facts:
        """As it was kept; what a later version of us wrote besides is passed over."""
        known = {name: kept[name] for name in cls.__dataclass_fields__ if name in kept}
        return cls(**{**known, "ahead": tuple(known.get("ahead", ()))})


def facts_of(status: Mapping[str, Any]) -> Facts:
    """What a status says, but for what lies ahead."""
    run = status.get("run") or {}
    end = str(status.get("state")) if status.get("state") in ENDS else ""
    said = {each["type"]: each for each in status.get("conditions", ())}
    brake, trouble = said.get(ConditionType.SUSPENDED), said.get(ConditionType.DEGRADED)
    planned = said.get(ConditionType.PLANNED)
    if planned is not None and planned["reason"] == Reason.APPROVAL_MISSING:
        trouble = planned  # nothing is out of order, and yet it waits for a person
    return Facts(
        run=run.get("id", 0),
        started="startedTime" in run,
        end=end,
        brake=brake["reason"] if brake is not None and brake["status"] == "True" and not end else "",
        trouble=_trouble(trouble["reason"], ended=bool(end)) if trouble is not None else "",
    )


def baseline(status: Mapping[str, Any], now: Facts, about: About) -> Facts:
    """What counts as told of a campaign of which nothing was: what its `status` says already, because nobody listened
    when it happened; and an end that is old, because a cluster that is made anew has no statuses."""
    if about.run is not None and about.run.closed_at is not None and about.at - about.run.closed_at > NEWS:
        return now
    facts = facts_of(status)
    for each in status.get("conditions", ()):
        if each["type"] == ConditionType.DEGRADED and each["reason"] == Reason.PREFLIGHT_FOUND_TROUBLE:
            return replace(facts, ahead=tuple(finding.key for finding in about.findings or ()))
    return facts


def plan_notices(told: Facts, now: Facts, about: About) -> tuple[list[Notice], Facts]:
    """What is news, in the order in which it is to be told, and what counts as told with it. Of `now` only what
    `facts_of` finds is asked; what lies ahead is in `about.findings`. Where too much of what comes and goes was told
    today, that is news tomorrow, if it still is."""
    known = replace(told, run=now.run, started=False, end="") if now.run > told.run else told
    known = _of_today(known, about)
    current, findings = now.run == known.run, None if now.end else about.findings
    if known.spent >= MOST_A_DAY and not now.end:
        now, findings = replace(now, brake=known.brake, trouble=known.trouble), None
    found: list[Notice] = []
    after = known

    def again(type_: NoticeType, reason: str = "", finding: Finding | None = None) -> None:
        nonlocal after
        after = replace(after, turn=after.turn + 1, spent=after.spent + 1)
        is_last = after.spent == MOST_A_DAY
        found.append(build_notice(type_, about, reason, finding, turn=after.turn, is_last=is_last))

    if known.brake and not now.brake and not now.end:
        again(NoticeType.RELEASED)
    if known.trouble and not now.trouble and not now.end:
        again(NoticeType.TROUBLE_OVER, known.trouble)
    if current and now.started and not known.started:
        found.append(build_notice(NoticeType.STARTED, about))
    if now.brake and now.brake != known.brake:
        again(NoticeType.HELD, now.brake)
    if now.trouble and now.trouble != known.trouble:
        again(NoticeType.TROUBLE, now.trouble)
    for each in findings or ():
        if each.key not in after.ahead:
            again(NoticeType.PREFLIGHT_FOUND, each.reason, each)
            after = replace(after, ahead=(*after.ahead, each.key)[-MOST_FINDINGS:])
    if findings == () and known.ahead:
        again(NoticeType.PREFLIGHT_CLEAR)
        after = replace(after, ahead=())
    if current and now.end and not known.end:
        found.append(build_notice(ENDS[now.end], about))
    if current:
        after = replace(after, started=known.started or now.started, end=known.end or now.end)
    after = replace(after, brake=now.brake, trouble=now.trouble, ahead=() if now.end else after.ahead)
    return found, after


def _of_today(known: Facts, about: About) -> Facts:
    day = about.at.date().isoformat()
    return known if known.day == day else replace(known, day=day, spent=0)


def plan_absence_notice(told: Facts, about: About, reason: str) -> tuple[list[Notice], Facts]:
    """The campaign is gone and its open run pauses: `reason` is `Orphaned` or `MassDeletion`."""
    if told.brake == reason:
        return [], told
    after = replace(told, brake=reason, turn=told.turn + 1)
    return [build_notice(NoticeType.HELD, about, reason, turn=after.turn)], after


def _trouble(reason: str, *, ended: bool) -> str:
    if reason not in set(Reason) or reason in _SILENT or (ended and reason not in _AFTER_THE_END):
        return ""
    return reason
