"""What the API server says when it says no: who owns a field, and what can't be changed in place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CONFLICT = "FieldManagerConflict"
# `conflict with "kubectl-edit" using apps/v1`: somebody changed the field. Without `using` he declares it, by apply.
_WHO = re.compile(r'conflict with "(?P<manager>[^"]+)"(?: with subresource "[^"]+")?(?P<changed> using )?')
# A person at the keyboard. What applies from a file (`kubectl apply`) declares, and is not taken for one.
_BY_HAND = re.compile(r"kubectl(-(edit|patch|label|annotate|set|scale|replace|rollout|autoscale))?$")
_FIXED = re.compile(
    r"immutable|may not change once set|may not change fields|cannot change|updates to .*(is|are) forbidden"
    r"|fields other than"
)
# What a StatefulSet lets change: the API server names only these, and blames the whole of `spec` for any other.
_OTHER_THAN = re.compile(r"'(\w+)'")


def conflicts(body: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """Of a refused apply: each field, who has it, and whether a person took it by hand."""
    found = []
    for cause in (body.get("details") or {}).get("causes") or ():
        who = _WHO.search(cause.get("message", "")) if cause.get("reason") == CONFLICT else None
        if who:
            by_hand = bool(who["changed"]) and _BY_HAND.fullmatch(who["manager"]) is not None
            found.append((str(cause.get("field", "")).lstrip("."), who["manager"], by_hand))
    return found


def explain_conflicts(what: str, found: list[tuple[str, str, bool]]) -> str:
    """For people, with what to do."""
    lines = [f"  {field} belongs to {manager}" for field, manager, by_hand in sorted(found) if not by_hand]
    return (
        f"{what}: {len(lines)} field(s) are declared by somebody else; nothing was changed:\n"
        + "\n".join(lines)
        + "\nleave them out of the program, or have the other one give them up"
        " (annotation pulumi.com/patchForce takes them)"
    )


def fixed_paths(body: Mapping[str, Any], changed: Mapping[str, str]) -> frozenset[str]:
    """Of the changed paths, those that the API server says can't be changed in place."""
    found: set[str] = set()
    for cause in (body.get("details") or {}).get("causes") or ():
        message, field = str(cause.get("message", "")), str(cause.get("field", ""))
        if not _FIXED.search(message):
            continue
        allowed = {f"{field}.{name}" for name in _OTHER_THAN.findall(message)} if "other than" in message else set()
        found |= {
            path
            for path in changed
            if _overlap(path, field) and not any(path == each or _inside(path, each) for each in allowed)
        }
    return frozenset(found)


def _overlap(path: str, field: str) -> bool:
    return path == field or _inside(path, field) or _inside(field, path)


def _inside(path: str, outer: str) -> bool:
    return path.startswith((f"{outer}.", f"{outer}["))
