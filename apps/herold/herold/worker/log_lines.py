"""Every line that a worker logs: what it says, and what a person does about it. docs/reference/logs.md has them."""

from __future__ import annotations

from collections.abc import Mapping

LINES: Mapping[str, str] = {
    "started": "The worker has its lease and begins.",
    "stopped": "The worker ended as it should, or lost its lease (`lost`); with what became of its messages.",
    "ended": "The process ends for the reason given; what it had in hand is settled by another worker.",
    "lease_lost": "Another worker took over. Nothing more was begun; the process goes on under a new lease.",
    "ledger_is_away": "The ledger did not answer. It is asked again; outcomes stay in memory and in the evidence.",
    "ledger_regressed": "The ledger knows less than was seen of it: all claims have stopped.",
    "route_fault": "The relay refused us, not a recipient: the lane pauses.",
    "campaign_held": "A message of the run could not be made; the campaign waits for a person.",
    "took_over": "A worker died; what it had in hand is settled, `uncertain` where nobody knows (then a warning).",
    "run_closed": "Everybody of the run has a final outcome, proven from the rows.",
    "window": "A window is done, with what became of its messages (debug).",
    "not_sent": "A message that the relay did not take at this attempt (debug).",
    "library": "A warning of a library.",
}
