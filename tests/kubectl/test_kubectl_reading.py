"""plan, report, explain, deliveries: through the API server's proxy, in the name of whoever runs them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from controller.platform import PLATFORM, TEAM, Platform, world
from herold_reader.protocol import AUDITOR, PAGE_ROWS, VIEWER
from kubectl.hand import Hand, add_accounts, give, with_certificate, with_program
from parts.campaigns import small_campaign
from parts.kubernetes import Answer
from parts.ledger import Hand as Worker
from parts.people import add_people
from reader.service import Reader, begin, request

pytestmark = pytest.mark.usefixtures("led")


def test_plan_says_what_would_happen_and_ends_with_3_when_it_can_not(
    platform: Platform, people: dict[str, Hand], tmp_path: Path
) -> None:
    schedule = {"at": "2036-12-01T09:00:00"}
    platform.apply(*world(schedule=schedule))
    said = people["vera"].must("plan", "hello")
    assert "5 people" in said.out
    assert json.loads(people["vera"].must("plan", "hello", "-o", "json").out)["size"] == 5
    page = tmp_path / "plan.html"
    assert people["vera"].must("plan", "hello", "--html", str(page)).out == ""
    assert "</html>" in page.read_text()

    few = world(schedule=schedule, campaign={"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 2}})
    platform.apply(few[-1])
    said = people["vera"]("plan", "hello")
    assert said.code == 3
    assert "must be mended" in said.err
    for item in few:
        if item["kind"] == "MessageTemplate":
            platform.api.delete(item)
    said = people["vera"]("plan", "hello")
    assert (said.code, said.out) == (3, "")
    assert "MessageTemplate" in said.err


def test_report_as_a_table_as_json_and_as_a_page(platform: Platform, people: dict[str, Hand], tmp_path: Path) -> None:
    run = begin(platform, small_campaign())
    worker = Worker(platform.url)
    worker.record(worker.window(), "sent", "failed")
    said = people["vera"].must("report", "hello")
    assert f"{TEAM}/hello #1, run {run}: Sending" in said.out
    assert "example.com" in said.out
    assert people["vera"].must("report", "hello", "-o", "json").json["runId"] == run
    page = tmp_path / "report.html"
    people["vera"].must("report", "hello", "--html", str(page))
    # The proxy would have rewritten the links of a page.
    assert "</html>" in page.read_text()
    assert "/proxy/" not in page.read_text()
    said = people["vera"]("report", "hello", "--run", "999")
    assert (said.code, "has no run 999" in said.err) == (3, True)


def test_deliveries_of_many_pages_are_one_list(platform: Platform, people: dict[str, Hand]) -> None:
    count = 2 * PAGE_ROWS + 3
    add_people(platform.connection, [f"more{number}@example.com" for number in range(count - 5)])
    begin(platform, small_campaign())
    rows = people["otto"].must("deliveries", "hello", "-o", "json").json
    assert [row["position"] for row in rows] == list(range(1, count + 1))
    pages = platform.connection.execute("SELECT count(*) FROM audit WHERE action = 'ReadDeliveries'").fetchone()
    assert pages == (3,)
    worker = Worker(platform.url)
    worker.record(worker.window(limit=2), "sent", "uncertain")
    said = people["otto"].must("deliveries", "hello", "--outcome", "uncertain")
    assert said.out.splitlines()[0].split()[:4] == ["POSITION", "CONTACT", "OUTCOME", "TRIES"]
    assert len(said.out.splitlines()) == 2
    assert len(people["otto"].must("deliveries", "hello", "--limit", "3", "-o", "json").json) == 3
    assert "example.com" not in said.out


def test_explain_reads_an_address_from_standard_input_only(platform: Platform, people: dict[str, Hand]) -> None:
    begin(platform, small_campaign())
    said = people["otto"].must("explain", "hello", "--address-stdin", given="person3@example.com\n")
    assert f"was in the audience of {TEAM}/hello" in said.out
    contact = people["otto"].must("explain", "hello", "--contact", "1", "-o", "json").json
    assert contact["contactId"] == 1
    assert people["otto"]("explain", "hello").code == 2
    said = people["otto"]("explain", "hello", "--external-id", "nobody")
    assert (said.code, "no such contact" in said.err) == (3, True)


def test_whoever_may_not_is_told_so_and_nothing_else(platform: Platform, people: dict[str, Hand]) -> None:
    begin(platform, small_campaign())
    for words in (
        ("plan", "hello"),
        ("report", "hello"),
        ("deliveries", "hello"),
        ("explain", "hello", "--contact", "1"),
    ):
        said = people["stranger"](*words)
        assert (said.code, said.out) == (4, ""), said
        assert "may not get campaigns/" in said.err
    assert people["vera"]("explain", "hello", "--contact", "1").code == 4


def test_a_token_that_a_program_knows_is_used(platform: Platform, led: Reader) -> None:
    begin(platform, small_campaign())
    hand = with_program(platform, "vera", led.people["vera"])
    assert "run" in hand.must("report", "hello").out


def test_who_has_a_certificate_is_given_a_short_lived_token_of_just_the_right_that_is_needed(
    platform: Platform,
) -> None:
    begin(platform, small_campaign())
    accounts = f"/api/v1/namespaces/{TEAM}/serviceaccounts"
    for account in (VIEWER, AUDITOR):
        with contextlib.suppress(Answer):
            platform.api.ask("DELETE", f"{accounts}/{account}")
    carl = with_certificate(platform, "carl")
    give(platform, "carl", "campaign-viewer")
    said = carl("report", "hello")
    assert (said.code, "the role campaign-viewer-token" in said.err) == (4, True), said
    give(platform, "carl", "campaign-viewer-token")
    said = carl("report", "hello")
    assert (said.code, "has no account campaign-viewer" in said.err) == (3, True), said
    add_accounts(platform)
    assert f"{TEAM}/hello #1" in carl.must("report", "hello").out

    said = carl("deliveries", "hello")
    assert (said.code, "the role campaign-auditor-token" in said.err) == (4, True), said
    give(platform, "carl", "campaign-auditor-token")
    assert len(carl.must("deliveries", "hello", "-o", "json").json) == 5
    row = platform.connection.execute("SELECT actor, detail FROM audit WHERE action = 'ReadDeliveries'").fetchone()
    assert row is not None
    assert row[0] == f"system:serviceaccount:{TEAM}:{AUDITOR}"
    assert row[1]["credential"].startswith("JTI=")


def test_an_account_that_stands_for_people_can_make_no_tokens_and_change_nothing(platform: Platform) -> None:
    add_accounts(platform)
    wish = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    for account in (VIEWER, AUDITOR):
        headers = {"Authorization": f"Bearer {platform.api.token_of(TEAM, account)}"}
        path = f"/api/v1/namespaces/{TEAM}/serviceaccounts/{account}/token"
        assert request("127.0.0.1", platform.api.port, "POST", path, headers, wish).status == 403
        path = f"/apis/herold.dev/v1alpha1/namespaces/{TEAM}/campaigns/hello"
        assert request("127.0.0.1", platform.api.port, "DELETE", path, headers).status == 403


def test_a_cluster_without_the_read_service_says_what_is_missing(platform: Platform, people: dict[str, Hand]) -> None:
    platform.api.ask("DELETE", f"/api/v1/namespaces/{PLATFORM}/endpoints/herold-reader")
    said = people["vera"]("report", "hello")
    assert said.code in (3, 5)
    assert "read service" in said.err
    platform.api.ask("DELETE", f"/api/v1/namespaces/{PLATFORM}/services/herold-reader")
    said = people["vera"]("report", "hello")
    assert (said.code, "there is no read service" in said.err) == (3, True), said
    assert "operator/deploy/reader.yaml" in said.err
