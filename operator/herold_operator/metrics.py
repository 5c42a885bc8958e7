"""What the operator exports. docs/reference/metrics.md is generated from this catalogue."""

from __future__ import annotations

from herold.metrics import Metric, process_metrics

_VISIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)

# Of every replica.
LEADING = Metric("herold_operator_leading", "gauge", "1 on the replica that leads.")
VISITS = Metric("herold_operator_visit_seconds", "histogram", "How long a visit took.", ("kind",), _VISIT_SECONDS)
FAILURES = Metric("herold_operator_visit_failures_total", "counter", "Visits that failed; they come again.", ("kind",))
MISSED = Metric(
    "herold_operator_watch_missed_total", "counter", "Changes that a list found and the watch had not told."
)
WATCH_AGE = Metric(
    "herold_operator_watch_age_seconds",
    "gauge",
    "Since the watch that was silent longest showed life (an event or a bookmark); 0 where nothing is watched.",
)
EVENTS = Metric("herold_operator_events_total", "counter", "Kubernetes Events by what became of them.", ("end",))
NOTICES = Metric(
    "herold_operator_notices_total",
    "counter",
    "Posts of notices to teams by their end: `delivered`, `failed` (tried again), `refused` (410), `given_up` (after a "
    "day).",
    ("end",),
)
NOTICE_AGE = Metric(
    "herold_operator_notice_oldest_seconds",
    "gauge",
    "How long the notice has waited that no receiver took for longest; 0: none waits, or this replica does not lead.",
)

# Of the one that leads; others don't have them.
QUEUE = Metric("herold_operator_queue_length", "gauge", "Resources that wait for a visit.")
AWAY = Metric("herold_operator_ledger_away_seconds", "gauge", "How long the ledger has not answered.")
CLOCK = Metric(
    "herold_operator_clock_offset_seconds",
    "gauge",
    "How far this node's clock is ahead of the ledger's; less: behind.",
)
CAMPAIGNS = Metric("herold_campaigns", "gauge", "Campaigns by state, as `kubectl get campaigns` has it.", ("state",))
DEGRADED = Metric(
    "herold_campaigns_degraded",
    "gauge",
    "Campaigns of which something is out of order, by the reason of their condition Degraded.",
    ("reason",),
)
RUNS_OPEN = Metric("herold_runs_open", "gauge", "Runs that are not closed.")
STALLED = Metric(
    "herold_run_stalled_seconds",
    "gauge",
    "How long the run that stands still longest has: something of it is due, no brake is on, and no count changes. "
    "Counted since this replica leads; 0: all move.",
)
LATE = Metric(
    "herold_audience_late_seconds",
    "gauge",
    "How long the audience that is latest has been due to be frozen and is not. Counted since this replica leads; "
    "0: none is late.",
)
UNCERTAIN = Metric(
    "herold_runs_uncertain",
    "gauge",
    "People possibly not reached, in runs that are open or ended within a day.",
)
REGRESSED = Metric("herold_ledger_regressed", "gauge", "1 while the ledger counts as gone backwards: nobody sends.")
HOLDS = Metric("herold_holds", "gauge", "Active holds that hold something.", ("scope",))
HOLD_AGE = Metric("herold_hold_oldest_seconds", "gauge", "Age of the oldest of them; 0: there is none.")
LANE_PAUSED = Metric(
    "herold_lane_paused", "gauge", "1 for each lane that a fault of its route pauses now.", ("sender", "lane")
)
DUE = Metric("herold_sender_due_messages", "gauge", "Messages that are due now or within half a minute.", ("sender",))
WORKERS = Metric("herold_sender_workers", "gauge", "Workers in pods of this sender that have a lease.", ("sender",))
WANTED = Metric("herold_sender_workers_wanted", "gauge", "Workers that the operator asked for.", ("sender",))

CATALOGUE = (
    *(LEADING, VISITS, FAILURES, MISSED, WATCH_AGE, EVENTS, NOTICES, NOTICE_AGE),
    *(QUEUE, AWAY, CLOCK, CAMPAIGNS, DEGRADED, RUNS_OPEN, STALLED, LATE, UNCERTAIN, REGRESSED, HOLDS, HOLD_AGE),
    *(LANE_PAUSED, DUE, WORKERS, WANTED),
    *process_metrics(),
)
