"""A real Prometheus scrapes a real operator and a real worker, and the rules as they are shipped fire for real."""

from __future__ import annotations

from pathlib import Path

from controller.platform import Platform, world
from observability.test_alerts import ALERTS
from observability.test_dashboard import expressions
from parts.kubernetes import ROOT, free_port, wait_for
from parts.prometheus import prometheus
from parts.smtp_sink import smtp_sink

RULES = ROOT / "operator" / "deploy" / "alerts" / "herold.rules.yaml"


def test_what_goes_wrong_fires_its_alert_and_nothing_else(platform: Platform, tmp_path: Path) -> None:
    leader, worker = free_port(), free_port()
    operator = platform.operator(health_port=str(leader))
    with (
        smtp_sink(tmp_path / "sink.log") as sink,
        prometheus(tmp_path / "prometheus", RULES, {"herold-operator": leader, "herold-worker": worker}) as watcher,
    ):
        campaign = platform.declare(port=sink.port)
        sending = platform.worker(worker_health_port=str(worker))
        try:
            platform.wait_reason(campaign, "Completed", "EverybodySettled")
            for target in (leader, worker):
                wait_for(f"{target} to be scraped", lambda target=target: watcher.is_up(target))  # type: ignore[misc]
            assert {rule["name"] for rule in watcher.rules()} == set(ALERTS)
            sent = 'sum(herold_worker_messages_total{sender="campaigns-shared/shop-newsletter",outcome="sent"}) == 5'
            wait_for("what the worker counts", lambda: watcher.query(sent))
            wait_for("every rule to be evaluated", lambda: {rule["health"] for rule in watcher.rules()} == {"ok"})
            assert watcher.firing() == set()

            # A hold of the day before yesterday, on a run that goes on.
            more = world(port=sink.port, name="later", campaign={"repeatPolicy": "Allow"})
            more[-1]["metadata"]["annotations"] = {"herold.dev/hold": "wrong price"}
            platform.apply(*more)
            platform.wait_reason(more[-1], "Planned", "AudienceFrozen")
            platform.wait_reason(more[-1], "Suspended", "Held")
            platform.connection.execute("UPDATE hold SET created_at = now() - interval '2 days 3 hours'")
            assert watcher.wait_firing("HeroldHoldOld")["summary"].startswith("A hold is 2d 3h ")

            # The ledger counts as gone backwards: the operator says so, and workers are told so at each claim.
            platform.connection.execute("UPDATE installation SET regressed_at = now(), regressed_why = 'a test'")
            watcher.wait_firing("HeroldLedgerRegressed")
            wait_for(
                "a worker to be told",
                lambda: watcher.query('sum(herold_worker_claims_total{answer="LedgerRegressed"}) > 1'),
            )
            assert watcher.firing() == {"HeroldHoldOld", "HeroldLedgerRegressed"}

            # No operator: nobody leads, and of the ledger only the worker still tells.
            operator.stop()
            watcher.wait_firing("HeroldNoLeader", 120)
            assert watcher.firing() == {"HeroldNoLeader", "HeroldLedgerRegressed"}
            for query in expressions():
                watcher.query(query)
        finally:
            sending.terminate()
            sending.wait(30)
