"""What a worker exports. docs/reference/metrics.md is generated from this catalogue."""

from __future__ import annotations

from herold.metrics import Metric, process_metrics

_LANE = ("sender", "lane")
# Seconds: a statement of the ledger takes a few milliseconds; a window is a second of its lane's rate, or a stall.
_LEDGER_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_WINDOW_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 180.0)
_WINDOW_MESSAGES = (1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 150.0, 200.0)

MESSAGES = Metric(
    "herold_worker_messages_total",
    "counter",
    "What became of messages: `sent`, `failed`, `deferred`, `uncertain`, `returned` (not begun, goes back).",
    (*_LANE, "outcome"),
)
REPLIES = Metric(
    "herold_worker_smtp_replies_total",
    "counter",
    "The relay's last word on messages: `2xx`, `4xx`, `5xx`, or `none`.",
    (*_LANE, "class"),
)
WINDOW_MESSAGES = Metric("herold_worker_window_messages", "histogram", "Messages of a window.", _LANE, _WINDOW_MESSAGES)
WINDOW_SECONDS = Metric(
    "herold_worker_window_seconds",
    "histogram",
    "From the intent to the last outcome of a window.",
    _LANE,
    _WINDOW_SECONDS,
)
IN_HAND = Metric("herold_worker_messages_in_hand", "gauge", "Messages of the windows that are under way.")
CLAIMS = Metric(
    "herold_worker_claims_total",
    "counter",
    "Answers to a claim: `Claimed`, or why there was no window (`Empty`, `Pacing`, `Paused`, `Held`, `WarmUp`, "
    "`LeaseLost`, `LedgerRegressed`).",
    (*_LANE, "answer"),
)
LEDGER_SECONDS = Metric(
    "herold_worker_ledger_seconds",
    "histogram",
    "How long the ledger took: `claim` (an intent), `record` (a receipt), `exchange` (both in one transaction).",
    ("statement",),
    _LEDGER_SECONDS,
)
LEDGER_LOST = Metric(
    "herold_worker_ledger_lost_total", "counter", "Connections to the ledger that broke, or could not be opened."
)
CONNECTIONS = Metric("herold_worker_connections", "gauge", "Connections to relays that are open.")
OPENED = Metric("herold_worker_connections_opened_total", "counter", "Connections to relays that were opened.", _LANE)
FAULTS = Metric(
    "herold_worker_route_faults_total",
    "counter",
    "Faults of a route: it refused us, or broke. `permanent`: a person must act.",
    (*_LANE, "permanent"),
)
PAUSES = Metric("herold_worker_lane_pauses_total", "counter", "Faults for which this worker paused a lane.", _LANE)
RENEWALS = Metric("herold_worker_lease_renewals_total", "counter", "Renewals of the worker's lease.")
LEASES_LOST = Metric("herold_worker_leases_lost_total", "counter", "Leases that another worker took.")
LEASE_LEFT = Metric(
    "herold_worker_lease_seconds", "gauge", "How long the lease lasts without another renewal; 0: nothing is begun."
)
TAKEOVERS = Metric("herold_worker_takeovers_total", "counter", "Leases of other workers that this one took.")
TAKEN = Metric(
    "herold_worker_taken_messages_total",
    "counter",
    "Messages of those workers, as they were settled: `sent` and `returned` by evidence, else `uncertain`.",
    ("outcome",),
)
EVIDENCE = Metric(
    "herold_worker_evidence_bytes", "gauge", "Evidence in the worker's folder, that of dead workers included."
)
BEAT_AGE = Metric("herold_worker_beat_age_seconds", "gauge", "How long ago the worker looked at the ledger or tried.")
CLOCK = Metric(
    "herold_worker_clock_offset_seconds", "gauge", "How far this node's clock is ahead of the ledger's; less: behind."
)
SERVES = Metric("herold_worker_serves", "gauge", "1 for each sender whose lanes this worker has seen.", ("sender",))

CATALOGUE = (
    *(MESSAGES, REPLIES, WINDOW_MESSAGES, WINDOW_SECONDS, IN_HAND, CLAIMS),
    *(LEDGER_SECONDS, LEDGER_LOST, CONNECTIONS, OPENED, FAULTS, PAUSES),
    *(RENEWALS, LEASES_LOST, LEASE_LEFT, TAKEOVERS, TAKEN, EVIDENCE, BEAT_AGE, CLOCK, SERVES),
    *process_metrics(),
)
