"""The report: its numbers are the rows, and nothing that others wrote does anything in its page."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime, timedelta
from html.parser import HTMLParser

import pytest

from herold.errors import NotFound
from herold.ledger.claims import Kind
from herold.ledger.database import Connection, one
from herold.ledger.holds import hold, release
from herold.ledger.runs import audit, change_run, start_run
from herold.report import Report, as_html, as_json, headline, make_report
from herold.report.report import Outcomes
from parts.campaigns import small_campaign
from parts.ledger import Hand
from parts.people import KEY, add_people

KINDS: list[Kind] = ["sent", "sent", "sent", "failed", "uncertain", "deferred"]


def begin(connection: Connection, addresses: list[str], **changes: object) -> int:
    add_people(connection, addresses)
    resolved = small_campaign(**changes)  # type: ignore[arg-type]
    return start_run(connection, resolved, key=KEY, actor="tester@host", at_once=True).run_id


def mixed(database: str, connection: Connection, people: int = 30) -> tuple[int, Hand]:
    """A run in the middle: each kind of outcome, some waiting."""
    domains = ["mail.example", "post.example", "a.test"]
    run = begin(connection, [f"p{n}@{domains[n % 3]}" for n in range(people)])
    connection.execute("UPDATE contact SET locale = (ARRAY['en', 'de', NULL])[1 + id % 3]")
    hand = Hand(database)
    window = hand.window(limit=people - 6)
    hand.record(window, *[KINDS[n % 6] for n in range(len(window.positions))], code=451, detail="busy now")
    return run, hand


def rows(connection: Connection, run: int) -> Counter[str]:
    found = connection.execute(
        "SELECT coalesce(o.kind::text, 'waiting'), count(*) FROM delivery d LEFT JOIN outcome o "
        "ON (o.run_id, o.position) = (d.run_id, d.position) AND o.kind <> 'deferred' WHERE d.run_id = %s GROUP BY 1",
        (run,),
    )
    return Counter(dict(found.fetchall()))


def counter(outcomes: Outcomes) -> Counter[str]:
    names = ("sent", "failed", "suppressed", "skipped", "uncertain", "waiting")
    return Counter({name: getattr(outcomes, name) for name in names})


def check(report: Report, connection: Connection) -> None:
    """Every sum of the report is what the rows say."""
    truth = rows(connection, report.run_id)
    assert +counter(report.outcomes) == truth
    assert report.outcomes.people == report.planned
    assert sum((each.outcomes for each in report.domains), report.others) == report.outcomes
    assert sum((each.outcomes for each in report.locales), Outcomes()) == report.outcomes
    assert sum(tick.sent for tick in report.rate) == truth["sent"] == sum(report.tries)
    assert sum(tick.refused for tick in report.rate) == truth["failed"] + report.deferrals
    for kind in ("failed", "suppressed", "skipped", "uncertain"):
        assert sum(each.count for each in report.said if each.kind == kind) == truth[kind]
    assert len(report.possibly) == truth["uncertain"]
    assert report.balanced


def test_the_numbers_of_an_open_run_are_the_rows(database: str, connection: Connection) -> None:
    run, _ = mixed(database, connection)
    report = make_report(connection, run)
    check(report, connection)
    assert report.outcomes.waiting == 6 + 4  # not claimed, and put off
    assert headline(report) == "So far 12 of 30 people were reached; 4 possibly not, 4 not, 10 still wait."


def test_the_numbers_of_a_closed_run_are_the_rows(database: str, connection: Connection) -> None:
    run, hand = mixed(database, connection)
    connection.execute("UPDATE retry SET due_at = now()")
    connection.execute("UPDATE contact SET erased_at = now() WHERE id = (SELECT max(id) FROM contact)")
    connection.execute(
        "INSERT INTO suppression (address_hash, reason, source) SELECT address_hash, 'Complaint', 't' FROM delivery "
        "WHERE position = 29"
    )
    hand.record(hand.window(), "sent")  # the retries
    hand.record(hand.window(), "sent")  # the rest
    assert hand.maintain() == [run]
    report = make_report(connection, run)
    check(report, connection)
    assert (report.closed, report.retried, report.deferrals) == (True, 4, 4)
    assert (report.outcomes.skipped, report.outcomes.suppressed) == (1, 1)
    assert headline(report) == "20 of 30 people were reached; 4 possibly not, 6 not."
    page = as_html(report)
    assert "30 planned = 20 sent + 4 failed + 1 suppressed + 1 skipped + 4 uncertain" in page
    assert "the books balance" in page


def test_people_who_were_left_out_are_told_by_reason(connection: Connection) -> None:
    add_people(connection, ["gone@mail.example"])
    connection.execute("DELETE FROM endpoint")
    run = begin(connection, ["p@mail.example", "q@mail.example"])
    connection.execute('UPDATE run SET left_out = \'{"NoAddress": 1, "NoConsent": 3}\'')
    report = make_report(connection, run)
    assert [(each.reason, each.people) for each in report.left_out] == [("NoConsent", 3), ("NoAddress", 1)]
    assert (report.addressed, report.planned) == (6, 2)
    assert headline(report) == "Nobody was reached yet; 2 people wait."
    assert "No address of the person is known" in as_html(report)


def test_rows_that_do_not_add_up_are_told(database: str, connection: Connection) -> None:
    run, _ = mixed(database, connection)
    connection.execute("DELETE FROM outcome WHERE kind = 'sent' AND position = (SELECT min(position) FROM outcome)")
    report = make_report(connection, run)
    assert not report.balanced
    assert "something else than the run" in as_html(report)


def test_all_people_of_many_domains_are_in_the_sums(database: str, connection: Connection) -> None:
    run = begin(connection, [f"p{n}@d{n % 25:02}.test" for n in range(50)])
    hand = Hand(database)
    hand.record(hand.window(), "sent")
    report = make_report(connection, run)
    assert (len(report.domains), report.other_domains, report.others.sent) == (20, 5, 10)
    assert "5 others" in as_html(report)


def test_who_was_possibly_not_reached_is_listed_by_id_and_never_by_address(
    database: str, connection: Connection
) -> None:
    run, _ = mixed(database, connection)
    report = make_report(connection, run)
    known = connection.execute(
        "SELECT d.contact_id FROM outcome o JOIN delivery d USING (run_id, position) "
        "WHERE kind = 'uncertain' ORDER BY 1"
    ).fetchall()
    assert [(each.contact_id,) for each in sorted(report.possibly, key=lambda each: each.contact_id)] == known
    page = as_html(report) + as_json(report)
    for (address,) in connection.execute("SELECT address FROM endpoint"):
        assert address not in page


def test_only_a_thousand_are_listed_and_the_command_that_lists_all_is_told(
    database: str, connection: Connection
) -> None:
    run = begin(connection, [f"p{n}@mail.example" for n in range(1_003)])
    connection.execute("DELETE FROM chunk")
    connection.execute(
        "INSERT INTO outcome (run_id, position, attempt, kind) SELECT run_id, position, 1, 'uncertain' FROM delivery"
    )
    connection.execute("SELECT add_tally(%s, 0, 0, 0, 0, 0, 1003, 0)", (run,))
    connection.execute("SELECT close_run(%s)", (run,))
    report = make_report(connection, run)
    assert len(report.possibly) == 1_000
    page = as_html(report)
    assert "and 3 more" in page
    assert f"herold deliveries --run {run}" in page


def test_what_was_done_to_it_is_told_with_actor_and_reason(database: str, connection: Connection) -> None:
    run, hand = mixed(database, connection)
    number = hold(connection, "Campaign", "campaigns-shop/hello", reason="wrong price", actor="eva")
    hold(connection, "Campaign", "campaigns-shop/another", reason="not this one", actor="eva")
    release(connection, number, actor="adam")
    change_run(connection, run, "suspend", actor="kim")
    change_run(connection, run, "stop", actor="kim")
    hand.maintain()
    report = make_report(connection, run)
    assert [(each.actor, each.action, each.reason) for each in report.deeds] == [
        ("tester@host", "started it", ""),
        ("eva", "held the campaign", "wrong price"),
        ("adam", "released the campaign", "wrong price"),
        ("kim", "suspended it", ""),
        ("kim", "stopped it for good", ""),
    ]
    assert [mark.what for mark in report.marks] == [
        "eva held the campaign", "adam released the campaign", "kim suspended it", "kim stopped it for good",
    ]  # fmt: skip
    assert report.summary == "Stopped"


def test_whose_word_let_it_start_is_told_and_that_for_other_content_is_not(
    database: str, connection: Connection
) -> None:
    run, _ = mixed(database, connection)
    (digest,) = one(connection, "SELECT intent_digest FROM run WHERE id = %s", (run,))
    for name, known in (("hello-1", f"sha256:{digest}"), ("hello-2", f"sha256:{0:064d}")):
        audit(connection, "operator", "StartApproved", "campaigns-shop/hello#1", {"approval": name, "digest": known})
    told = [(each.actor, each.action, each.reason) for each in make_report(connection, run).deeds]
    assert [each for each in told if each[0] == "operator"] == [
        ("operator", "let it start, by a second person's approval", "hello-1")
    ]


def test_a_takeover_is_marked_where_it_happened(database: str, connection: Connection) -> None:
    run, _ = mixed(database, connection)
    connection.execute(
        "INSERT INTO worker (id, epoch, host, pid, expires_at, ended_at) "
        "SELECT gen_random_uuid(), 2, 'h', 4242, now(), clock_timestamp()"
    )
    assert [mark.what for mark in make_report(connection, run).marks] == [
        "Worker 4242 died, another one took over its work"
    ]


def test_a_long_run_has_few_steps_and_loses_no_message(database: str, connection: Connection) -> None:
    run = begin(connection, [f"p{n}@mail.example" for n in range(400)])
    hand = Hand(database)
    for _ in range(2):
        hand.record(hand.window(), "sent")
    connection.execute("UPDATE outcome SET at = at + position * interval '7 minutes'")
    report = make_report(connection, run)
    assert len(report.rate) <= 92
    assert report.step == timedelta(hours=1)
    assert sum(tick.sent for tick in report.rate) == 400
    assert {b.at - a.at for a, b in zip(report.rate, report.rate[1:], strict=False)} == {report.step}


def test_a_run_that_does_not_exist_is_not_found(connection: Connection) -> None:
    with pytest.raises(NotFound, match="no run 7"):
        make_report(connection, 7)


def test_the_report_is_one_moment_and_writes_nothing(database: str, connection: Connection) -> None:
    run, _ = mixed(database, connection)
    before = connection.execute("SELECT sum(xmin::text::bigint) FROM outcome").fetchone()
    make_report(connection, run)
    assert connection.execute("SELECT sum(xmin::text::bigint) FROM outcome").fetchone() == before
    connection.execute("UPDATE run SET suspended = true WHERE id = %s", (run,))  # the session may write again


def test_json_has_the_same_numbers(database: str, connection: Connection) -> None:
    run, _ = mixed(database, connection)
    report = make_report(connection, run)
    content = json.loads(as_json(report))
    assert content["headline"] == headline(report)
    assert content["outcomes"]["sent"] == report.outcomes.sent
    assert content["step"] == 1.0
    assert datetime.fromisoformat(content["createdAt"]) <= datetime.fromisoformat(content["madeAt"])


class Reader(HTMLParser):
    """Names of elements and attributes, and where attributes point to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]


HOSTILE = "</style></title></svg><script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)>'\"&{{7*7}}"


def test_hostile_texts_from_everywhere_are_only_text(database: str, connection: Connection) -> None:
    calm_run, _ = mixed(database, connection)
    calm = Reader(as_html(make_report(connection, calm_run)))
    connection.execute("UPDATE outcome SET detail = %s WHERE kind <> 'sent'", (HOSTILE,))
    connection.execute("UPDATE endpoint SET domain = %s || contact_id %% 3", (HOSTILE,))
    connection.execute("UPDATE contact SET locale = %s WHERE locale = 'de'", (HOSTILE,))
    connection.execute("UPDATE audit SET actor = %s", (HOSTILE,))
    connection.execute(
        "UPDATE run SET resolved = jsonb_set(jsonb_set(jsonb_set(resolved, '{sender,spec,from,name}', "
        "to_jsonb(%(h)s::text)), '{campaign,spec,governance,owner}', to_jsonb(%(h)s::text)), "
        "'{campaign,spec,message,topic}', to_jsonb(%(h)s::text)), left_out = jsonb_build_object(%(h)s::text, 3)",
        {"h": HOSTILE},
    )
    page = as_html(make_report(connection, calm_run))
    hostile = Reader(page)
    assert not hostile.elements.keys() - calm.elements.keys() - {"details", "summary", "br"}
    assert {"script", "img", "iframe", "link", "object", "base"}.isdisjoint(hostile.elements)
    assert not [name for name, _ in hostile.attributes if name.startswith("on")]
    assert hostile.elements["style"] == 1
    assert "{{7*7}}" in page
    assert "alert(1)" in page


def test_the_page_points_nowhere_and_says_so(database: str, connection: Connection) -> None:
    run, _ = mixed(database, connection)
    page = as_html(make_report(connection, run))
    names = {"src", "href", "action", "data", "srcset", "poster", "background"}
    assert not [pair for pair in Reader(page).attributes if pair[0] in names]
    assert not re.findall(r"url\(|@import", page)
    policy = next(value for name, value in Reader(page).attributes if value.startswith("default-src"))
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; ")
    assert "script-src" not in policy
    assert [url for url in re.findall(r"https?://[^\s\"<]+", page) if url != "http://www.w3.org/2000/svg"] == []
