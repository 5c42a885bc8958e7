"""The report for programs."""

from __future__ import annotations

import json

from herold.plain import plain
from herold.report.report import Report
from herold.report.words import headline


def as_json(report: Report) -> str:
    """One document: fields in camelCase, instants as RFC 3339 in UTC, spans of time in seconds."""
    return json.dumps({"headline": headline(report), **plain(report)}, indent=2, ensure_ascii=False)
