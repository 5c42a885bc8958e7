"""What changed between two revisions of a campaign: fields of the intent, and the words of the message."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Any

from herold.message.values import clean
from herold.planning.plan import Against, FieldChange, TextDiff
from herold.resources.resolved import ResolvedCampaign

MOST_LINES = 200  # of one diff; nobody reads more, and a page must stay a page
MOST_FIELDS = 200
_LONGEST = 120
_PARTS = ("subject", "preheader", "text", "mjml")
_NOTES = ("labels", "annotations", "generation", "uid")


def against_revision(
    resolved: ResolvedCampaign,
    against: ResolvedCampaign | None,
    revision: str,
    *,
    added: int | None = None,
    removed: int | None = None,
) -> Against | None:
    """The change against `revision`, where `against` is None when the campaign was not there; None without revision."""
    if against is None:
        return Against(revision, False, None, None, True) if revision else None
    return Against(
        revision,
        True,
        added,
        removed,
        against.intent_digest() != resolved.intent_digest(),
        field_changes(against, resolved),
        text_diffs(against, resolved),
    )


def field_changes(before: ResolvedCampaign, after: ResolvedCampaign) -> tuple[FieldChange, ...]:
    """Every field that differs, in everything that the campaign names; texts of the message are told by `text_diffs`.

    Entries of lists are matched by their name (locale, address), so that a new first one does not change all others.
    """
    old, new = before.to_json(), after.to_json()
    found = list(_differences(_keyed(old), _keyed(new), ""))
    return tuple(found[:MOST_FIELDS])


def text_diffs(before: ResolvedCampaign, after: ResolvedCampaign) -> tuple[TextDiff, ...]:
    """One unified diff for each part of each locale that changed, was added or went."""
    old = {content.locale: content for content in before.template.spec.contents}
    new = {content.locale: content for content in after.template.spec.contents}
    diffs = []
    for locale in dict.fromkeys([*new, *old]):
        for part in _PARTS:
            one = getattr(old.get(locale), part, None) or ""
            two = getattr(new.get(locale), part, None) or ""
            if one != two:
                diffs.append(TextDiff(locale, part, _diff(one, two)))
    return tuple(diffs)


def _diff(before: str, after: str) -> tuple[str, ...]:
    lines = [clean(line) for line in unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)][2:]
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"@@ {len(lines) - MOST_LINES} more lines are not shown"]
    return tuple(lines)


def _keyed(value: Any) -> Any:
    """With lists of named things as mappings by name. Segments are named by their metadata."""
    if isinstance(value, Mapping):
        return {key: _keyed(each) for key, each in value.items()}
    if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        names = [_name(each) for each in value]
        if None not in names and len(set(names)) == len(names):
            return {f"[{name}]": _keyed(each) for name, each in zip(names, value, strict=True)}
    return value


def _name(entry: Mapping[str, Any]) -> str | None:
    metadata = entry.get("metadata")
    if isinstance(metadata, Mapping):
        return f"{metadata['namespace']}/{metadata['name']}"
    name = entry.get("name") or entry.get("locale") or entry.get("address")
    return str(name) if name else None


def _differences(old: Any, new: Any, path: str) -> Iterator[FieldChange]:
    if old == [] and isinstance(new, dict):
        old = {}
    elif new == [] and isinstance(old, dict):
        new = {}
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            if (path.endswith("metadata") and name in _NOTES) or (path.startswith("template") and name in _PARTS):
                continue
            dot = "" if not path or name.startswith("[") else "."
            yield from _differences(old.get(name), new.get(name), f"{path}{dot}{name}")
    elif old != new:
        yield FieldChange(path, _told(old), _told(new))


def _told(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    text = clean(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
