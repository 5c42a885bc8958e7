"""/healthz and /metrics: healthy while it stands by and while it leads, with names that stay."""

from __future__ import annotations

import urllib.request
from urllib.error import URLError

from controller.platform import Platform, world
from herold_operator.health import STUCK_SECONDS, Health
from parts.kubernetes import free_port, wait_for


def fetch(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except URLError:
        return ""


def test_the_leader_and_whoever_stands_by_are_healthy_and_metrics_name_no_campaign(platform: Platform) -> None:
    leader, standby = free_port(), free_port()
    first = platform.operator(health_port=str(leader))
    wait_for("it to lead", lambda: first.events("leading"))
    platform.operator(health_port=str(standby))
    resources = world(campaign={"suspend": True})
    platform.apply(*resources)
    platform.wait_reason(resources[-1], "Suspended", "SpecSuspend")
    assert fetch(leader, "/healthz") == "ok\n"
    wait_for("the other", lambda: fetch(standby, "/healthz") == "ok\n")
    wait_for("the state", lambda: 'herold_campaigns{state="Suspended"} 1.0' in fetch(leader, "/metrics"))
    metrics = fetch(leader, "/metrics")
    assert "herold_operator_leading 1.0" in metrics
    assert "herold_operator_leading 0.0" in fetch(standby, "/metrics")
    assert "herold_ledger_regressed 0.0" in metrics
    assert 'herold_operator_visit_seconds_count{kind="Campaign"}' in metrics
    assert "hello" not in metrics


def test_a_leader_that_looks_at_nothing_for_a_minute_is_not_well() -> None:
    health = Health()
    assert health.is_well()
    health.beat()
    assert health.is_well()
    assert health.beat_at is not None
    health.beat_at -= STUCK_SECONDS + 1
    assert not health.is_well()
