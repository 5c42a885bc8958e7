"""/healthz, /readyz and /metrics: healthy while it stands by and while it leads, with names that stay."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from urllib.error import HTTPError, URLError

import pytest

from controller.platform import Platform, world
from herold_operator.health import STALE_SECONDS, STUCK_SECONDS, Health
from herold_operator.metrics import CATALOGUE, CLOCK, DUE, HOLD_AGE, HOLDS, LANE_PAUSED, REGRESSED, STALLED, UNCERTAIN
from herold_operator.workers import deployment_name
from parts.api_proxy import api_proxy
from parts.exposition import check_declared, value
from parts.kubernetes import free_port, wait_for


def fetch(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except HTTPError as error:
        with error:
            return str(error.read().decode())
    except URLError:
        return ""


def test_the_leader_and_whoever_stands_by_are_healthy_and_metrics_name_no_campaign(platform: Platform) -> None:
    leader, standby = free_port(), free_port()
    first = platform.operator(health_port=str(leader))
    wait_for("it to lead", lambda: first.events("leading"))
    platform.operator(health_port=str(standby))
    campaign = platform.declare(campaign={"suspend": True})
    platform.wait_reason(campaign, "Suspended", "SpecSuspend")
    assert fetch(leader, "/healthz") == "ok\n"
    wait_for("the other", lambda: fetch(standby, "/healthz") == "ok\n")
    wait_for("the state", lambda: 'herold_campaigns{state="Suspended"} 1.0' in fetch(leader, "/metrics"))
    metrics = fetch(leader, "/metrics")
    assert "herold_operator_leading 1.0" in metrics
    assert "herold_operator_leading 0.0" in fetch(standby, "/metrics")
    assert "herold_ledger_regressed 0.0" in metrics
    assert 'herold_operator_visit_seconds_count{kind="Campaign"}' in metrics
    assert "hello" not in metrics
    led, stood_by = check_declared(metrics, CATALOGUE), check_declared(fetch(standby, "/metrics"), CATALOGUE)
    assert {REGRESSED.name, UNCERTAIN.name, HOLD_AGE.name, STALLED.name, CLOCK.name, DUE.name} <= led - stood_by


def test_what_an_alert_looks_at_shows_in_the_metrics_of_the_leader(platform: Platform) -> None:
    port = free_port()
    platform.operator(health_port=str(port))
    campaign = platform.declare()
    sender = "campaigns-shared/shop-newsletter"

    def shows(name: str, above: float, **labels: str) -> None:
        wait_for(name, lambda: (value(fetch(port, "/metrics"), name, **labels) or 0.0) > above)

    shows("herold_sender_due_messages", 4, sender=sender)
    shows("herold_sender_workers_wanted", 0, sender=sender)
    shows("herold_run_stalled_seconds", 1)  # nobody sends: no worker runs here
    assert value(fetch(port, "/metrics"), "herold_sender_workers", sender=sender) == 0
    assert abs(value(fetch(port, "/metrics"), "herold_operator_clock_offset_seconds") or 9.0) < 5
    platform.connection.execute(
        "INSERT INTO worker (id, host, pid, expires_at) VALUES (gen_random_uuid(), %s, 1, now() + interval '1 h')",
        (f"{deployment_name(*sender.split('/'))}-7d9c5b6f4-x2x4z",),
    )
    platform.connection.execute("UPDATE lane SET paused_until = now() + interval '1 h', pause_reason = 'anna'")
    platform.api.merge(campaign, {"metadata": {"annotations": {"herold.dev/hold": "enough"}}})
    shows("herold_sender_workers", 0, sender=sender)
    shows("herold_lane_paused", 0, sender=sender, lane="default")
    shows("herold_holds", 0, scope="Campaign")
    platform.connection.execute("UPDATE hold SET created_at = now() - interval '2 days'")
    shows("herold_hold_oldest_seconds", 86_400)
    wait_for("no run to stand still", lambda: value(fetch(port, "/metrics"), "herold_run_stalled_seconds") == 0)
    text = fetch(port, "/metrics")
    assert check_declared(text, CATALOGUE) >= {LANE_PAUSED.name, HOLDS.name}
    for word in ("hello", "enough", "anna", "example.com"):
        assert word not in text


def test_readiness_tells_who_can_lead(platform: Platform) -> None:
    port, standby = free_port(), free_port()
    first = platform.operator(health_port=str(port))
    wait_for("it to lead", lambda: first.events("leading"))
    wait_for("the leader to have listed everything", lambda: fetch(port, "/readyz") == "ok\n")
    platform.operator(health_port=str(standby))
    wait_for("the other to stand by", lambda: fetch(standby, "/readyz") == "ok\n")


def test_whoever_can_not_ask_for_the_lease_is_not_ready(platform: Platform) -> None:
    port = free_port()
    platform.api_port = free_port()  # nobody listens there
    platform.operator(health_port=str(port))
    wait_for("an answer", lambda: "was not answered yet" in fetch(port, "/readyz"))
    assert fetch(port, "/healthz") == "ok\n"


def test_a_watch_that_is_silent_ages_until_something_arrives(platform: Platform) -> None:
    port = free_port()
    resources = world(campaign={"suspend": True})
    before = platform.api.audited()
    with api_proxy(platform.api) as proxy:
        platform.api_port = proxy.port
        platform.operator(health_port=str(port))
        platform.apply(*resources)
        platform.wait_reason(resources[-1], "Suspended", "SpecSuspend")
        wait_for("the look at everything soon after the start", lambda: platform.lists(before) >= 4)
        proxy.keep_watches()
        platform.api.merge(resources[-1], {"spec": {"suspend": False}})
        wait_for("the silence to show", lambda: watch_age(port) > 5, 40)
        assert platform.condition(resources[-1], "Suspended") is None
        proxy.let_watches_go()
        platform.wait_reason(resources[-1], "Suspended", "NotSuspended")


def watch_age(port: int) -> float:
    lines = fetch(port, "/metrics").splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("herold_operator_watch_age_seconds")))


def test_a_leader_that_looks_at_nothing_for_a_minute_or_hears_nothing_for_minutes_is_not_well() -> None:
    now = [0.0]
    health = Health(clock=lambda: now[0])
    assert health.trouble() == ""
    health.beat()
    health.hear("campaigns")
    health.hear("segments")
    now[0] += STUCK_SECONDS + 1
    assert health.trouble() == "stuck"
    now[0] += STALE_SECONDS
    health.beat()
    health.hear("campaigns")
    assert health.trouble() == "watch stale"  # one kind is enough
    health.hear("segments")
    assert health.trouble() == ""


@pytest.mark.parametrize(
    ("module", "name"), [("herold_operator", "HEROLD_OPERATOR_TICK"), ("herold_reader", "HEROLD_READER_PORT")]
)
def test_as_a_pod_starts_it_a_wrong_setting_is_named_and_ends_it(module: str, name: str) -> None:
    environ = {each: value for each, value in os.environ.items() if not each.startswith("HEROLD_")} | {name: "soon"}
    command = [sys.executable, "-m", module]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert name in done.stderr
