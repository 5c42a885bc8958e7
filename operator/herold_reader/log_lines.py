"""Every line that the read service logs: what it says. docs/reference/logs.md has them."""

from __future__ import annotations

from collections.abc import Mapping

LINES: Mapping[str, str] = {
    "listening": "The replica is up and answers.",
    "answered": "Somebody was answered, or refused with a reason; who and about whom is in the ledger's audit (debug).",
    "not_answered": "The ledger or the API server did not answer, too many asked, or it took too long.",
    "answer_broke": "An answer failed in a way that nobody foresaw: a defect, please report `error` and `where`.",
    "stopped": "It ended as it should.",
    "ended": "It ended for the reason given.",
    "library": "A warning of a library.",
}
