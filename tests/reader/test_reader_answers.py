"""What the read service answers: the same as the commands of `herold`, and people only after it was written down."""

from __future__ import annotations

import http.client
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from controller.platform import TEAM, Platform, world
from herold.audience.addresses import address_hash
from herold.ledger.database import one
from herold.planning import as_text, make_plan
from herold.report import as_json, make_report
from herold_reader.protocol import PAGE_ROWS, Ask
from parts.campaigns import small_campaign
from parts.kubernetes import wait_for
from parts.ledger import Hand
from parts.people import KEY
from reader.service import PEOPLE, Reader, Told, begin

ADDRESS = "person0@example.com"


def audited(platform: Platform) -> list[tuple[str, str, str, dict[str, object]]]:
    """Reads of people, oldest first."""
    query = b"SELECT actor, action, target, detail FROM audit WHERE action LIKE 'Read%' ORDER BY id"
    return platform.connection.execute(query).fetchall()


def test_a_plan_is_made_from_what_the_cluster_has_and_says_what_herold_plan_says(
    platform: Platform, reader: Reader
) -> None:
    platform.apply(*world(schedule={"at": "2036-12-01T09:00:00"}))
    resolved = small_campaign(schedule={"at": "2036-12-01T09:00:00", "timeZone": "UTC"})
    told = reader.ask(Ask.PLAN, who="vera")
    now = one(platform.connection, "SELECT now()")[0]
    ours = as_text(make_plan(platform.connection, resolved, key=KEY, now=now))
    assert told.status == 200
    assert "5 people" in ours
    assert [line for line in told.body["content"].splitlines() if "made" not in line] == [
        line for line in ours.splitlines() if "made" not in line
    ]
    for format_, words in (("json", '"size": 5'), ("markdown", "**"), ("html", "<!doctype html>")):
        told = reader.ask(Ask.PLAN, who="vera", query=f"?format={format_}&sample=true")
        assert words in told.body["content"].replace("<!DOCTYPE", "<!doctype"), format_
        # The API server's proxy rewrites links of pages: ours travel inside JSON.
        assert told.headers["content-type"].startswith("application/json")


def test_a_plan_of_a_campaign_with_mistakes_names_all_of_them(platform: Platform, reader: Reader) -> None:
    resources = world()
    platform.apply(*(each for each in resources if each["kind"] not in ("Segment", "MessageTemplate")))
    told = reader.ask(Ask.PLAN, who="vera")
    assert (told.status, told.error, told.body["error"]["exitCode"]) == (422, "InvalidInput", 3)
    assert "MessageTemplate" in told.body["error"]["message"]
    assert "Segment" in told.body["error"]["message"]
    assert reader.ask(Ask.PLAN, "no-such", who="vera").status == 404


def test_a_report_is_that_of_herold_report(platform: Platform, reader: Reader) -> None:
    run = begin(platform, small_campaign())
    hand = Hand(platform.url)
    hand.record(hand.window(), "sent", "failed")
    told = reader.ask(Ask.REPORT, who="vera", query=f"?run={run}")
    ours = as_json(make_report(platform.connection, run))
    assert [line for line in told.body["content"].splitlines() if "madeAt" not in line] == [
        line for line in ours.splitlines() if "madeAt" not in line
    ]
    page = reader.ask(Ask.REPORT, who="vera", query="?format=html").body["content"]
    assert "</html>" in page
    assert reader.ask(Ask.REPORT, "no-such", who="vera").status == 404


def test_deliveries_come_in_pages_without_addresses_and_each_page_is_audited(
    platform: Platform, reader: Reader
) -> None:
    run = begin(platform, small_campaign())
    hand = Hand(platform.url)
    hand.record(hand.window(limit=2), "sent", "uncertain")
    first = reader.ask(Ask.DELIVERIES, who="otto", query="?limit=2").body
    assert (first["run"], first["next"], len(first["deliveries"])) == (run, 2, 2)
    rest = reader.ask(Ask.DELIVERIES, who="otto", query="?limit=3&after=2").body
    assert [row["position"] for row in rest["deliveries"]] == [3, 4, 5]
    last = reader.ask(Ask.DELIVERIES, who="otto", query="?after=5").body
    assert (last["deliveries"], last["next"]) == ([], None)
    told = reader.ask(Ask.DELIVERIES, who="otto", query="?outcome=uncertain")
    assert [row["state"] for row in told.body["deliveries"]] == ["uncertain"]
    assert "address" not in told.body["deliveries"][0]
    assert "example.com" not in told.text
    rows = audited(platform)
    assert len(rows) == 4
    assert {row[:3] for row in rows} == {
        (f"system:serviceaccount:{PEOPLE}:otto", "ReadDeliveries", f"{TEAM}/hello"),
    }
    assert str(rows[0][3]["credential"]).startswith("JTI=")
    assert rows[3][3]["outcome"] == "uncertain"


@pytest.mark.parametrize("query", ["?limit=0", f"?limit={PAGE_ROWS + 1}", "?after=-1", "?outcome=read", "?page=2"])
def test_a_page_is_never_larger_and_a_wrong_question_is_named(reader: Reader, query: str) -> None:
    told = reader.ask(Ask.DELIVERIES, who="otto", query=query)
    assert (told.status, told.error) == (422, "InvalidInput")
    assert query[1:].partition("=")[0] in told.body["error"]["message"]


def test_one_person_is_explained_by_id_company_id_and_address_and_named_by_none_of_them_in_the_audit(
    platform: Platform, reader: Reader
) -> None:
    platform.connection.execute("UPDATE contact SET external_id = 'C-20931' WHERE id = 1")
    begin(platform, small_campaign())
    for who in ({"contactId": 1}, {"externalId": "C-20931"}, {"address": " Person0@EXAMPLE.com "}):
        told = reader.ask(Ask.EXPLAIN, who="otto", body=who)
        assert told.status == 200, told.text
        assert told.body["contactId"] == 1
        assert "was in the audience of campaigns-shop/hello" in told.body["sentences"][0]
        assert "example.com" not in told.text
    rows = audited(platform)
    assert [row[1] for row in rows] == ["ReadExplanation"] * 3
    people = [str(row[3]["person"]) for row in rows]
    assert [each.partition(":")[0] for each in people] == ["contact", "external", "address"]
    assert people[2] == f"address:{address_hash(KEY, ADDRESS).hex()}"
    assert not {"C-20931", "person0", "example.com"} & set(str(rows).replace(":", " ").split())


def test_asking_for_somebody_unknown_is_audited_too_and_says_only_that(platform: Platform, reader: Reader) -> None:
    begin(platform, small_campaign())
    told = reader.ask(Ask.EXPLAIN, who="otto", body={"address": "nobody@example.com"})
    assert (told.status, told.error) == (404, "NotFound")
    assert "nobody" not in told.text
    assert len(audited(platform)) == 1
    for wrong in ({}, {"contactId": 1, "address": ADDRESS}, {"address": "no address"}, {"contactId": "x"}, [1]):
        told = reader.ask(Ask.EXPLAIN, who="otto", body=wrong)
        assert (told.status, told.error) == (422, "InvalidInput"), wrong
        assert ADDRESS not in told.text


def test_what_can_not_be_audited_is_not_answered(platform: Platform, reader: Reader) -> None:
    begin(platform, small_campaign())
    platform.connection.execute("ALTER TABLE audit RENAME TO audit_elsewhere")
    for ask, body in ((Ask.EXPLAIN, {"contactId": 1}), (Ask.DELIVERIES, None)):
        told = reader.ask(ask, who="otto", body=body)
        assert told.status == 500
        assert set(told.body) == {"error"}
        assert "audience" not in told.text
    platform.connection.execute("ALTER TABLE audit_elsewhere RENAME TO audit")
    assert reader.ask(Ask.EXPLAIN, who="otto", body={"contactId": 1}).status == 200


def test_a_service_that_is_killed_before_it_answers_has_written_down_who_asked(
    platform: Platform, reader: Reader
) -> None:
    begin(platform, small_campaign())
    answers: list[Told] = []

    def ask() -> None:
        with suppress(OSError, http.client.HTTPException):
            answers.append(reader.ask(Ask.EXPLAIN, who="otto", body={"contactId": 1}))

    with platform.connection.transaction():
        platform.connection.execute("LOCK TABLE contact IN ACCESS EXCLUSIVE MODE")
        asking = threading.Thread(target=ask)
        asking.start()
        wait_for("the audit's row", lambda: audited(platform))
        reader.stop(signal.SIGKILL)
        asking.join(30)
    assert answers == []
    assert len(audited(platform)) == 1


def test_nothing_of_people_or_tokens_is_logged(platform: Platform, reader: Reader) -> None:
    begin(platform, small_campaign())
    reader.ask(Ask.EXPLAIN, who="otto", body={"address": ADDRESS})
    reader.ask(Ask.EXPLAIN, who="otto", body={"address": "not an address"})
    platform.connection.execute("ALTER TABLE audit RENAME TO audit_elsewhere")
    reader.ask(Ask.EXPLAIN, who="otto", body={"address": ADDRESS})
    text = reader.log.read_text()
    assert reader.events("not_answered")
    for word in ("person0", "example.com", "otto", *reader.people.values()):
        assert word not in text
    assert ADDRESS not in reader.metrics()


def test_what_is_counted_has_bounded_labels(start: Callable[..., Reader], platform: Platform) -> None:
    reader = start()
    platform.apply(*world())
    reader.ask(Ask.PLAN, who="vera")
    reader.ask(Ask.PLAN, "no-such-campaign", who="vera")
    reader.request("GET", "/x/y/z", {})
    text = reader.metrics()
    assert 'herold_reader_requests_total{ask="plan",code="200"} 1.0' in text
    assert 'herold_reader_requests_total{ask="plan",code="404"} 1.0' in text
    assert 'herold_reader_requests_total{ask="other",code="401"} 1.0' in text
    assert "no-such-campaign" not in text
    assert "herold_reader_seconds_bucket" in text
