"""Which facts of a campaign are news for its team. Pure functions.

Notices are planned from what has been told and what is so now, not from two statuses: what has been told is kept in the
ledger, and changes together with the notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from herold.ledger.notices import Notice
from herold_operator.notice_body import ENDS, MOST_FINDINGS, About, Finding, NoticeType, build_notice
from herold_operator.reasons import ConditionType, Reason

# Degraded for one of these is no news for a team: it is the platform's, or is told in another way.
_SILENT = (Reason.AS_EXPECTED, Reason.LEDGER_UNAVAILABLE, Reason.PREFLIGHT_FOUND_TROUBLE, Reason.PREFLIGHT_FAILED)
# And after its end nothing but an edit that came too late.
_AFTER_THE_END = (Reason.ALREADY_RAN, Reason.OCCURRENCE_WENT_BACK)


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a campaign is told when it changes. `run` is the newest of which anything was told, `brake` and `trouble`
    are reasons, '' for none. `ahead` are findings, as `Finding.key` has them; `turn` grows with each notice of a thing
    that may come again."""

    run: int = 0
    started: bool = False
    end: str = ""
    brake: str = ""
    trouble: str = ""
    ahead: tuple[str, ...] = ()
    turn: int = 0

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


def baseline(status: Mapping[str, Any], about: About) -> Facts:
    """What counts as told of a campaign of which nothing was: nobody listened when it happened."""
    facts = facts_of(status)
    for each in status.get("conditions", ()):
        if each["type"] == ConditionType.DEGRADED and each["reason"] == Reason.PREFLIGHT_FOUND_TROUBLE:
            return replace(facts, ahead=tuple(finding.key for finding in about.findings or ()))
    return facts


def plan_notices(told: Facts, now: Facts, about: About) -> tuple[list[Notice], Facts]:
    """What is news, in the order in which it is to be told, and what counts as told with it. `now.ahead` and `now.turn`
    say nothing: `about.findings` do."""
    known = replace(told, run=now.run, started=False, end="") if now.run > told.run else told
    found: list[Notice] = []
    after, turn = known, known.turn

    def again(type_: NoticeType, reason: str = "", finding: Finding | None = None) -> None:
        nonlocal turn
        turn += 1
        found.append(build_notice(type_, about, reason, finding, turn=turn))

    if after.brake and not now.brake and not now.end:
        again(NoticeType.RELEASED)
    if after.trouble and not now.trouble and not now.end:
        again(NoticeType.TROUBLE_OVER, after.trouble)
    if now.run == known.run and now.started and not known.started:
        found.append(build_notice(NoticeType.STARTED, about))
    if now.brake and now.brake != after.brake:
        again(NoticeType.HELD, now.brake)
    if now.trouble and now.trouble != after.trouble:
        again(NoticeType.TROUBLE, now.trouble)
    ahead = after.ahead
    if about.findings is not None and not now.end:
        for each in about.findings:
            if each.key not in ahead:
                again(NoticeType.PREFLIGHT_FOUND, each.reason, each)
                ahead = (*ahead, each.key)[-MOST_FINDINGS:]
        if ahead and not about.findings:
            again(NoticeType.PREFLIGHT_CLEAR)
            ahead = ()
    if now.run == known.run and now.end and not known.end:
        found.append(build_notice(ENDS[now.end], about))
    current = now.run == known.run
    after = Facts(
        run=known.run,
        started=known.started or (current and now.started),
        end=known.end or (now.end if current else ""),
        brake=now.brake,
        trouble=now.trouble,
        ahead=() if now.end else ahead,
        turn=turn,
    )
    return found, after


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
