"""The ledger or the API away, a ledger that went backwards: nothing is lost, brakes hold, and it is said."""

from __future__ import annotations

import pytest
from psycopg.conninfo import make_conninfo

from controller.platform import Platform
from controller.rig import LEASE
from herold.ledger.database import one
from herold.ledger.fence import Fence, accept_ledger
from herold.ledger.holds import active_holds
from herold.processes.embedded import EmbeddedServer
from herold_operator.ledger import ANSWER_SECONDS
from herold_operator.mirror import ANNOTATION
from parts.kubernetes import Answer, wait_for
from parts.ledger_proxy import ledger_proxy
from parts.outage import ledger_away
from parts.smtp_sink import smtp_sink


def test_while_the_ledger_is_away_conditions_say_so_and_then_it_goes_on(platform: Platform) -> None:
    operator = platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    before = platform.status(campaign)
    with ledger_away(platform.url, "herold-operator"):
        platform.api.merge(campaign, {"metadata": {"annotations": {"herold.dev/hold": "wrong price"}}})
        message = platform.wait_reason(campaign, "Degraded", "LedgerUnavailable", 40)["message"]
        assert "the ledger does not answer" in message
        during = platform.status(campaign)
        assert (during["run"], during["counts"]) == (before["run"], before["counts"])
        assert operator.process.poll() is None
    platform.wait_reason(campaign, "Suspended", "Held", 40)
    platform.wait_reason(campaign, "Degraded", "AsExpected", 40)
    assert [hold.reason for hold in active_holds(platform.connection)] == ["wrong price"]


def test_a_short_outage_of_the_api_costs_nothing_and_what_changed_meanwhile_is_noticed(platform: Platform) -> None:
    operator = platform.operator(lease_seconds="60")
    campaign = platform.declare(campaign={"suspend": True})
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.wait_reason(campaign, "Suspended", "SpecSuspend")
    platform.api.stop("kube-apiserver")
    platform.api.start("kube-apiserver")
    platform.api.wait_ready()
    platform.api.merge(campaign, {"spec": {"suspend": False}})
    platform.wait_reason(campaign, "Suspended", "NotSuspended", 60)
    assert operator.process.poll() is None
    assert len(platform.runs()) == 1


def test_a_ledger_that_knows_less_than_a_status_stops_all_sending_until_a_person_accepts_it(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> None:
    operator = platform.operator()
    with smtp_sink(tmp_path_factory.mktemp("sink") / "sink.log") as sink:
        campaign = platform.declare(port=sink.port, campaign={"repeatPolicy": "Allow"})
        worker = platform.worker()
        try:
            platform.wait_reason(campaign, "Completed", "EverybodySettled")
        finally:
            worker.terminate()
            worker.wait(30)
        wait_for("the mirror", lambda: platform.status(campaign)["ledger"]["sent"] == 5)
        operator.stop()
        # As a restored backup has it: the run never was.
        run = platform.status(campaign)["run"]["id"]
        for table in ("outcome", "delivery", "tally", "run_zone"):
            platform.connection.execute(f"DELETE FROM {table} WHERE run_id = %s".encode(), (run,))
        platform.connection.execute("DELETE FROM run WHERE id = %s", (run,))
        platform.connection.execute("DELETE FROM task")

        platform.operator()
        condition = platform.wait_reason(campaign, "Degraded", "LedgerRegressed")
        assert f"run {run} is gone" in condition["message"]
        assert platform.runs() == []  # it does not go out a second time
        assert one(platform.connection, "SELECT regressed_at IS NOT NULL FROM installation")[0]
        platform.api.merge(campaign, {"spec": {"suspend": True}})
        accept_ledger(platform.connection, platform.settings.fence_file, actor="somebody", reason="looked")
        platform.wait_reason(campaign, "Degraded", "AsExpected")
        assert len(sink.accepted()) == 5


def remembered(platform: Platform) -> Fence | None:
    """What the operator's Lease says of the ledger."""
    try:
        annotations = platform.api.ask("GET", LEASE)["metadata"].get("annotations", {})
    except Answer:  # there is none yet
        return None
    return Fence.from_json(annotations[ANNOTATION]) if ANNOTATION in annotations else None


def test_a_ledger_that_forgot_what_the_lease_remembers_is_stopped_though_no_campaign_tells(platform: Platform) -> None:
    operator = platform.operator(lease_seconds="3")
    wait_for("the operator's own mark on its Lease", lambda: (found := remembered(platform)) and found.mark)
    operator.stop()
    # As a restored backup has it: nobody ever looked.
    platform.connection.execute("DELETE FROM mark")

    second = platform.operator(lease_seconds="3")
    wait_for("the stop", lambda: one(platform.connection, "SELECT regressed_at IS NOT NULL FROM installation")[0])
    campaign = platform.declare()
    message = platform.wait_reason(campaign, "Degraded", "LedgerRegressed")["message"]
    assert "it does not know what was seen last" in message
    assert platform.runs() == []
    assert [each["resource"] for each in second.events("ledger_regressed")] == ["Lease"]
    accept_ledger(platform.connection, platform.settings.fence_file, actor="somebody", reason="looked")
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    wait_for("the Lease remembers that", lambda: (found := remembered(platform)) and found.accepted > 0)


def readable(platform: Platform) -> bool:
    try:
        return remembered(platform) is not None
    except ValueError:
        return False


def test_a_lease_that_nobody_can_read_stops_nobody_and_is_said(platform: Platform) -> None:
    first = platform.operator(lease_seconds="3")
    wait_for("the operator's own mark on its Lease", lambda: (found := remembered(platform)) and found.mark)
    first.stop()
    lease = platform.api.ask("GET", LEASE)
    lease["metadata"]["annotations"][ANNOTATION] = "by hand"
    platform.api.ask("PUT", LEASE, lease)
    second = platform.operator(lease_seconds="3")
    wait_for("it to be written anew", lambda: second.events("leading") and readable(platform))
    assert len(second.events("mirror_unreadable")) == 1


def test_an_operator_gives_up_a_ledger_that_does_not_answer_and_connects_anew(
    platform: Platform, postgres_server: EmbeddedServer
) -> None:
    with ledger_proxy(str(postgres_server.socket / ".s.PGSQL.5432")) as proxy:
        platform.ledger_url = make_conninfo(
            platform.operator_url, host="127.0.0.1", port=proxy.port, sslmode="disable", gssencmode="disable"
        )
        operator = platform.operator()
        wait_for("it to lead", lambda: operator.events("leading"))
        proxy.stop_at("FROM ledger_fence()", "sent")  # that connection stays open, and nothing comes any more
        hanging = proxy.wait_hit()
        wait_for("it to give up", lambda: operator.events("ledger_is_away"), ANSWER_SECONDS + 15)
        wait_for("another connection", lambda: operator.events("ledger_is_back"), 15)
        campaign = platform.declare()
        platform.wait_reason(campaign, "Planned", "AudienceFrozen")
        hanging.cut()


def test_the_ledger_of_another_environment_is_not_touched_and_that_is_said(platform: Platform) -> None:
    platform.connection.execute("UPDATE installation SET environment = 'prod'")
    operator = platform.operator()
    campaign = platform.declare()
    message = platform.wait_reason(campaign, "Degraded", "LedgerUnavailable")["message"]
    assert "EnvironmentMismatch" in message
    assert platform.runs() == []
    assert len(operator.events("ledger_is_away")) == 1
    platform.connection.execute("UPDATE installation SET environment = 'test'")
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.wait_reason(campaign, "Degraded", "AsExpected")
