"""When each alert fires, and when it must not: series as promtool writes them, one value a minute.

https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LEADER, STANDBY = 'instance="leader"', 'instance="standby"'
SHOP, LANE = 'sender="shared/shop"', 'sender="shared/shop",lane="default"'


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is seen at `minute` of these series. `fires`: labels of each alert that fires, beside those of the rule;
    `says` is its summary."""

    alert: str
    name: str
    series: Mapping[str, str]
    minute: int
    fires: tuple[Mapping[str, str], ...] = ()
    says: str = ""


@dataclass(frozen=True, slots=True)
class _Both:
    """An alert with a state in which it fires and others in which it is quiet."""

    alert: str
    scenarios: list[Scenario] = field(default_factory=list)

    def fires(self, name: str, minute: int, says: str, series: Mapping[str, str], *labels: Mapping[str, str]) -> _Both:
        self.scenarios.append(Scenario(self.alert, name, series, minute, labels or ({},), says))
        return self

    def is_quiet(self, name: str, minute: int, series: Mapping[str, str]) -> _Both:
        self.scenarios.append(Scenario(self.alert, name, series, minute))
        return self


ALERTS = (
    _Both("HeroldLedgerRegressed")
    .fires(
        "the operator says so",
        1,
        "The ledger went backwards; nobody sends.",
        {f"herold_ledger_regressed{{{LEADER}}}": "0 1"},
    )
    .fires(
        "the operator is down, and workers are told so at each claim",
        5,
        "The ledger went backwards; nobody sends.",
        {f'herold_worker_claims_total{{{LANE},answer="LedgerRegressed"}}': "0+60x10"},
    )
    .is_quiet(
        "it was accepted",
        12,
        {
            f"herold_ledger_regressed{{{LEADER}}}": "1 1 1 0x20",
            f'herold_worker_claims_total{{{LANE},answer="LedgerRegressed"}}': "0 60 120 180x20",
        },
    )
    .is_quiet("claims are answered otherwise", 5, {f'herold_worker_claims_total{{{LANE},answer="Held"}}': "0+60x10"}),
    _Both("HeroldLedgerAway")
    .fires(
        "it has not answered for a minute and a half",
        2,
        "The ledger has not answered the operator for 1m 30s.",
        {f"herold_operator_ledger_away_seconds{{{LEADER}}}": "0 30 90"},
    )
    .is_quiet("a short outage", 2, {f"herold_operator_ledger_away_seconds{{{LEADER}}}": "0 30 0"}),
    _Both("HeroldNoLeader")
    .fires(
        "both stand by",
        3,
        "No replica of the operator leads.",
        {f"herold_operator_leading{{{LEADER}}}": "1 0 0 0", f"herold_operator_leading{{{STANDBY}}}": "0 0 0 0"},
    )
    .fires("nobody is there", 2, "No replica of the operator leads.", {"up": "1x5"})
    .is_quiet(
        "another took over",
        10,
        {f"herold_operator_leading{{{LEADER}}}": "1 1 0x10", f"herold_operator_leading{{{STANDBY}}}": "0 0 1x10"},
    ),
    _Both("HeroldRunStuck")
    .fires(
        "no count has changed for 20 minutes",
        20,
        "A run has stood still for 20m 0s though something of it is due.",
        {f"herold_run_stalled_seconds{{{LEADER}}}": "0+60x30"},
    )
    .is_quiet("it moves every 10 minutes", 25, {f"herold_run_stalled_seconds{{{LEADER}}}": "0+60x10 0+60x10 0+60x10"}),
    _Both("HeroldWorkersMissing")
    .fires(
        "due, and no worker",
        6,
        "Messages of shared/shop are due, and it has no worker.",
        {
            f"herold_sender_due_messages{{{LEADER},{SHOP}}}": "5000x10",
            f"herold_sender_workers{{{LEADER},{SHOP}}}": "0x10",
            f'herold_sender_due_messages{{{LEADER},sender="shared/other"}}': "10x10",
            f'herold_sender_workers{{{LEADER},sender="shared/other"}}': "1x10",
        },
        {"sender": "shared/shop"},
    )
    .is_quiet(
        "a worker comes within two minutes",
        10,
        {
            f"herold_sender_due_messages{{{LEADER},{SHOP}}}": "0 5000x10",
            f"herold_sender_workers{{{LEADER},{SHOP}}}": "0 0 0 1x10",
        },
    )
    .is_quiet(
        "nothing is due",
        10,
        {
            f"herold_sender_due_messages{{{LEADER},{SHOP}}}": "0x10",
            f"herold_sender_workers{{{LEADER},{SHOP}}}": "0x10",
        },
    ),
    _Both("HeroldAudienceLate")
    .fires(
        "it is not frozen 10 minutes after its time",
        10,
        "An audience should have been frozen 10m 0s ago.",
        {f"herold_audience_late_seconds{{{LEADER}}}": "0+60x20"},
    )
    .is_quiet("a build of four minutes", 10, {f"herold_audience_late_seconds{{{LEADER}}}": "0 60 120 180 240 0x10"}),
    _Both("HeroldAudienceBuildFailing")
    .fires(
        "its image is missing",
        5,
        "Audiences that are not built: 2 (AudienceBuildFailed).",
        {
            f'herold_campaigns_degraded{{{LEADER},reason="AudienceBuildFailed"}}': "2x10",
            f'herold_campaigns_degraded{{{LEADER},reason="TooManyRecipients"}}': "9x10",
        },
        {"reason": "AudienceBuildFailed"},
    )
    .is_quiet(
        "the next pod does it",
        5,
        {f'herold_campaigns_degraded{{{LEADER},reason="AudienceBuildFailed"}}': "2 2 stale"},
    ),
    _Both("HeroldTroubleAhead")
    .fires(
        "three of them have a relay that refuses the password",
        6,
        "Campaigns with trouble ahead: 3 (PreflightFoundTrouble).",
        {f'herold_campaigns_degraded{{{LEADER},reason="PreflightFoundTrouble"}}': "3x10"},
        {"reason": "PreflightFoundTrouble"},
    )
    .fires(
        "nobody can look",
        6,
        "Campaigns with trouble ahead: 1 (PreflightFailed).",
        {f'herold_campaigns_degraded{{{LEADER},reason="PreflightFailed"}}': "1x10"},
        {"reason": "PreflightFailed"},
    )
    .is_quiet(
        "the relay was away for a moment",
        8,
        {f'herold_campaigns_degraded{{{LEADER},reason="PreflightFoundTrouble"}}': "3 3 3 stale"},
    ),
    _Both("HeroldReconcileFailing")
    .fires(
        "one resource fails at each visit",
        25,
        "The operator's visits to Campaign fail again and again.",
        {f'herold_operator_visit_failures_total{{{LEADER},kind="Campaign"}}': "0+1x40"},
        {"kind": "Campaign"},
    )
    .is_quiet(
        "some failed while the API server was away for two minutes",
        25,
        {f'herold_operator_visit_failures_total{{{LEADER},kind="Campaign"}}': "0 10 20 20x40"},
    ),
    _Both("HeroldLanePaused")
    .fires(
        "paused for five minutes at a time, with a try between",
        30,
        "The lane default of shared/shop has been paused again and again for 10 minutes.",
        {f"herold_lane_paused{{{LEADER},{LANE}}}": "_ 1x3 _ 1x4 _ 1x4 _ 1x4 _ 1x4 _ 1x4 _ 1x4"},
        {"sender": "shared/shop", "lane": "default"},
    )
    .is_quiet("the relay was away for two minutes", 20, {f"herold_lane_paused{{{LEADER},{LANE}}}": "_ 1 1 _x20"}),
    _Both("HeroldUncertain")
    .fires("three people", 1, "3 people were possibly not reached.", {f"herold_runs_uncertain{{{LEADER}}}": "0 3"})
    .is_quiet(
        "a relay told later, or a day has passed",
        3,
        {f"herold_runs_uncertain{{{LEADER}}}": "3 3 0 0", f"herold_runs_uncertain{{{STANDBY}}}": "_x5"},
    ),
    _Both("HeroldHoldOld")
    .fires(
        "a day and an hour",
        1,
        "A hold is 1d 1h 0m 0s old.",
        {f"herold_hold_oldest_seconds{{{LEADER}}}": "0 90000"},
    )
    .is_quiet("an afternoon", 1, {f"herold_hold_oldest_seconds{{{LEADER}}}": "0 14400"}),
    _Both("HeroldNoticesLate")
    .fires(
        "a receiver that is gone",
        5,
        "A team's webhook does not take what it is told.",
        {f"herold_operator_notice_oldest_seconds{{{LEADER}}}": "3500+60x10"},
    )
    .fires(
        "one that wants none",
        10,
        "A team's webhook does not take what it is told.",
        {f'herold_operator_notices_total{{{LEADER},end="refused"}}': "0x5 1x10"},
    )
    .is_quiet(
        "one that was away for a while",
        5,
        {
            f"herold_operator_notice_oldest_seconds{{{LEADER}}}": "0 600 1200 0x10",
            f'herold_operator_notices_total{{{LEADER},end="failed"}}': "0+5x10",
        },
    ),
    _Both("HeroldWatchStale")
    .fires(
        "silent for three minutes and 20 seconds",
        1,
        "A watch of the operator has shown no life for 3m 20s.",
        {
            f"herold_operator_watch_age_seconds{{{LEADER}}}": "60 200",
            f"herold_operator_watch_age_seconds{{{STANDBY}}}": "0",
        },
    )
    .is_quiet("a bookmark each minute", 4, {f"herold_operator_watch_age_seconds{{{LEADER}}}": "60 1 61 2 62"}),
    _Both("HeroldClockOff")
    .fires(
        "a node of workers is behind",
        10,
        "The clock of worker is 3s away from the ledger's.",
        {'herold_worker_clock_offset_seconds{instance="worker"}': "-3x20"},
        {"instance": "worker"},
    )
    .fires(
        "the operator's is ahead",
        10,
        "The clock of leader is 4s away from the ledger's.",
        {f"herold_operator_clock_offset_seconds{{{LEADER}}}": "4x20"},
        {"instance": "leader"},
    )
    .is_quiet(
        "a moment's delay of the ledger",
        10,
        {f"herold_operator_clock_offset_seconds{{{LEADER}}}": "0.1 3 0.2x20"},
    ),
)
SCENARIOS = tuple(scenario for both in ALERTS for scenario in both.scenarios)
