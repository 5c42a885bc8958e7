"""Plans over a real ledger: the numbers are those of a start, nothing is written, and every violation is found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from herold.audience.addresses import address_hash
from herold.errors import Refused
from herold.ledger.database import Connection, connect
from herold.ledger.holds import hold
from herold.ledger.runs import change_run, start_run
from herold.planning import Plan, headline, make_plan
from herold.planning import facts as facts_module
from herold.planning.plan import Violation
from herold.resources.resolved import ResolvedCampaign
from parts.campaigns import SHARED, TEAM, small_campaign
from parts.people import KEY, add_people

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
POSTAL = {"postalAddress": "1 Example Street, Warsaw"}
SIGNED = "{{ contact.first_name }}, {{ sender.postal_address }} {{ unsubscribe_url }}"


def contents(text: str = SIGNED, **more: str) -> list[dict[str, str]]:
    return [{"locale": "en", "subject": "Hello", "text": text, **more}]


def mjml(text: str) -> str:
    section = f"<mj-section><mj-column><mj-text>{text}</mj-text></mj-column></mj-section>"
    return f"<mjml><mj-body>{section}</mj-body></mjml>"


def quiet_campaign(**overrides: Any) -> ResolvedCampaign:
    """One about which there is nothing to say."""
    overrides["sender"] = {**POSTAL, **overrides.get("sender", {})}
    overrides["template"] = {"contents": contents(), **overrides.get("template", {})}
    return small_campaign(**overrides)


def planned(connection: Connection, resolved: ResolvedCampaign, **options: Any) -> Plan:
    return make_plan(connection, resolved, **{"key": KEY, "now": NOW, **options})


def reasons(plan: Plan) -> list[tuple[str, str]]:
    return [(violation.severity, violation.reason) for violation in plan.violations]


def the(plan: Plan, reason: str) -> Violation:
    return next(violation for violation in plan.violations if violation.reason == reason)


def addresses(count: int, domain: str = "inbox.example") -> list[str]:
    return [f"p{number}@{domain}" for number in range(count)]


def test_the_plan_counts_what_a_start_freezes(connection: Connection) -> None:
    ids = add_people(connection, [*addresses(30), *addresses(20, "mail.test"), "p1@inbox.internal"])
    (second,) = add_people(connection, ["again@inbox.example"])
    connection.execute(
        "UPDATE endpoint SET (address, address_hash) = ('p0@inbox.example', %s) WHERE contact_id = %s",
        (address_hash(KEY, "p0@inbox.example"), second),
    )
    connection.execute(
        "INSERT INTO consent (contact_id, subject, granted, at, source) VALUES (%s, 1, false, now(), 'test')", (ids[2],)
    )
    connection.execute(
        "INSERT INTO suppression (address_hash, reason, source) VALUES (%s, 'HardBounce', 'test')",
        (address_hash(KEY, "p3@inbox.example"),),
    )
    connection.execute("DELETE FROM endpoint WHERE contact_id = %s", (ids[4],))
    resolved = quiet_campaign(
        sender={"limits": {"perSecond": "5", "lanes": [{"name": "m", "domains": ["mail.test"], "perSecond": "2"}]}}
    )
    plan = planned(connection, resolved)
    started = start_run(connection, resolved, key=KEY, actor="test")
    assert plan.size == started.planned == 47
    assert {each.reason: each.people for each in plan.left_out} == started.left_out
    assert {each.reason for each in plan.left_out} == {
        "NoAddress", "OutsideAllowList", "Suppressed", "NoConsent", "DuplicateAddress",
    }  # fmt: skip
    assert [(cell.name, cell.people) for cell in plan.lanes] == [("default", 27), ("m", 20)]
    assert [(cell.name, cell.people) for cell in plan.domains] == [("inbox.example", 27), ("mail.test", 20)]
    assert reasons(plan) == [("warning", "OutsideAllowList")]
    assert the(plan, "OutsideAllowList").people == 1


def test_first_and_last_send_are_those_of_the_rates(connection: Connection) -> None:
    add_people(connection, addresses(60))
    plan = planned(connection, quiet_campaign(sender={"limits": {"perSecond": "1"}, "costPerThousand": "12.50"}))
    assert plan.pace.first == datetime(2026, 12, 1, 8, 0, 1, tzinfo=UTC)
    assert plan.pace.last == datetime(2026, 12, 1, 8, 1, tzinfo=UTC)
    assert plan.cost == Decimal("0.75")
    assert headline(plan) == "60 people get this on 1 December 2026 between 09:00 and 09:01 Warsaw time."


def test_zones_are_planned_as_the_start_makes_them(connection: Connection) -> None:
    add_people(connection, addresses(40), zones=["Asia/Tokyo", "America/Los_Angeles", "Nowhere/City", ""])
    resolved = quiet_campaign(schedule={"localTime": "Recipient", "quietHours": {"from": "21:00", "to": "10:00"}})
    plan = planned(connection, resolved)
    started = start_run(connection, resolved, key=KEY, actor="test")
    known = connection.execute(
        "SELECT z.name, z.due_at, count(*) FROM run_zone z JOIN delivery d USING (run_id, zone) "
        "WHERE run_id = %s GROUP BY z.name, z.due_at",
        (started.run_id,),
    ).fetchall()
    assert {zone.name: zone.people for zone in plan.pace.zones} == {name: people for name, _, people in known}
    assert {zone.name: zone.first for zone in plan.pace.zones} == {name: due for name, due, _ in known}
    assert "at 09:00 in their own time zone" in headline(plan)


def test_a_plan_writes_nothing_and_needs_no_right_to(database: str, connection: Connection) -> None:
    add_people(connection, addresses(20))
    start_run(connection, quiet_campaign(name="other"), key=KEY, actor="test")
    reader = connect(database)
    reader.execute("SET default_transaction_read_only = on")
    try:
        plan = make_plan(
            reader, quiet_campaign(), key=KEY, now=NOW, against=quiet_campaign(), revision="main", real_samples=True
        )
        assert plan.size == 20
        assert len([sample for sample in plan.samples if sample.kind == "Real"]) == 3
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("DELETE FROM contact")
    finally:
        reader.close()
    assert connection.execute("SELECT count(*) FROM run").fetchone() == (1,)


def test_a_quiet_campaign_has_no_violation(connection: Connection) -> None:
    add_people(connection, addresses(3))
    assert reasons(planned(connection, quiet_campaign())) == []


def test_more_people_than_the_bound_are_an_error_as_at_the_start(connection: Connection) -> None:
    add_people(connection, addresses(12))
    resolved = quiet_campaign(campaign={"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 11}})
    plan = planned(connection, resolved)
    assert reasons(plan) == [("error", "TooManyRecipients")]
    assert headline(plan).startswith("As it stands nobody gets this: it would go to 12 people")
    with pytest.raises(Refused, match="TooManyRecipients"):
        start_run(connection, resolved, key=KEY, actor="test")


def test_nobody_to_reach_is_an_error(connection: Connection) -> None:
    plan = planned(connection, quiet_campaign())
    assert reasons(plan) == [("error", "NobodyToReach")]
    assert headline(plan) == "As it stands nobody gets this."


def test_an_attribute_that_people_lack_and_that_has_no_default_is_counted(connection: Connection) -> None:
    ids = add_people(connection, addresses(15))
    connection.execute("""UPDATE contact SET attributes = '{"first_name": "Ann"}' WHERE id = ANY (%s)""", (ids[:4],))
    connection.execute("""UPDATE contact SET attributes = '{"first_name": null}' WHERE id = ANY (%s)""", (ids[4:6],))
    plan = planned(connection, quiet_campaign(template={"attributeDefaults": []}))
    assert reasons(plan) == [("error", "MissingAttribute")]
    assert the(plan, "MissingAttribute").people == 11
    connection.execute("""UPDATE contact SET attributes = '{"first_name": "Ann"}'""")
    assert reasons(planned(connection, quiet_campaign(template={"attributeDefaults": []}))) == []


def test_a_missed_start_is_an_error_to_the_minute(connection: Connection) -> None:
    add_people(connection, addresses(3))
    deadline = datetime(2026, 12, 1, 14, tzinfo=UTC)
    assert reasons(planned(connection, quiet_campaign(), now=deadline)) == []
    late = planned(connection, quiet_campaign(), now=deadline + timedelta(seconds=1))
    assert reasons(late) == [("error", "StartMissed")]
    assert late.pace.sent == 0


def test_many_who_expire_are_told(connection: Connection) -> None:
    add_people(connection, addresses(400))
    slow = quiet_campaign(sender={"limits": {"perSecond": "0.1"}}, schedule={"expiresAfter": "1h"})
    plan = planned(connection, slow)
    assert plan.pace.expired == 40
    assert reasons(plan) == [("warning", "ManyExpire")]
    assert headline(plan).endswith("; 40 expire before their turn.")


def test_warm_up_counts_what_was_used_already(connection: Connection) -> None:
    add_people(connection, addresses(50))
    resolved = quiet_campaign(
        sender={"warmUp": {"startDate": "2026-12-01", "perDay": [40]}}, schedule={"expiresAfter": "2h"}
    )
    assert planned(connection, resolved).pace.sent == 40
    start_run(
        connection,
        quiet_campaign(name="other", sender={"warmUp": {"startDate": "2026-12-01", "perDay": [40]}}),
        key=KEY,
        actor="test",
    )
    connection.execute("UPDATE sender_day SET used = 25 WHERE day = '2026-12-01'")
    plan = planned(connection, resolved)
    assert (plan.pace.sent, plan.pace.expired) == (15, 35)


def test_a_campaign_that_ran_says_so_first(connection: Connection) -> None:
    add_people(connection, addresses(12))
    resolved = quiet_campaign()
    started = start_run(connection, resolved, key=KEY, actor="test")
    assert reasons(planned(connection, resolved)) == [("warning", "AlreadyStarted")]
    edited = quiet_campaign(schedule={"at": "2026-12-01T10:00:00"})
    assert "not obeyed" in the(planned(connection, edited), "AlreadyStarted").message
    change_run(connection, started.run_id, "stop", actor="test")
    plan = planned(connection, resolved)
    assert reasons(plan)[0] == ("error", "AlreadyRan")
    assert "occurrence: 2" in plan.violations[0].fix
    start_run(connection, quiet_campaign(campaign={"occurrence": 4}), key=KEY, actor="test")
    assert ("error", "OccurrenceWentBack") in reasons(planned(connection, quiet_campaign(campaign={"occurrence": 3})))


def test_who_else_mails_these_people_is_counted_by_campaign(connection: Connection) -> None:
    add_people(connection, addresses(12))
    other = quiet_campaign(
        name="other", schedule={"at": "2026-12-04T09:00:00"}, template={"contents": contents("x " + SIGNED)}
    )
    start_run(connection, other, key=KEY, actor="test")
    far = quiet_campaign(
        name="far", schedule={"at": "2027-02-04T09:00:00"}, template={"contents": contents("y " + SIGNED)}
    )
    run = start_run(connection, far, key=KEY, actor="test").run_id
    connection.execute("UPDATE run SET created_at = created_at - interval '90 days' WHERE id = %s", (run,))
    add_people(connection, addresses(5, "new.example"))
    plan = planned(connection, quiet_campaign())
    assert [(each.campaign, each.people, each.repeat) for each in plan.overlaps] == [(f"{TEAM}/other", 12, False)]


def test_the_same_message_to_most_of_the_same_people_looks_like_a_repeat(connection: Connection) -> None:
    add_people(connection, addresses(12))
    start_run(connection, quiet_campaign(name="other"), key=KEY, actor="test")
    plan = planned(connection, quiet_campaign())
    assert reasons(plan) == [("warning", "LooksLikeRepeat")]
    assert "start held" in plan.violations[0].message
    assert start_run(connection, quiet_campaign(), key=KEY, actor="test").held is not None


def test_brakes_are_told(connection: Connection) -> None:
    add_people(connection, addresses(2))
    hold(connection, "Sender", f"{SHARED}/shop-newsletter", reason="blocked", actor="ann")
    hold(connection, "Team", "somebody-else", reason="not ours", actor="ann")
    plan = planned(connection, quiet_campaign(campaign={"suspend": True}))
    assert reasons(plan) == [("warning", "Suspended"), ("warning", "Held")]


@pytest.mark.parametrize(
    ("template", "sender", "reason"),
    [
        ({"contents": contents("{{ sender.postal_address }}")}, POSTAL, "NoUnsubscribeLink"),
        ({"contents": contents("{{ unsubscribe_url }}")}, POSTAL, "NoPostalAddress"),
        ({}, {"postalAddress": ""}, "NoPostalAddress"),
        (
            {"contents": contents(mjml=mjml("word " * 25_000 + SIGNED))},
            POSTAL,
            "LargeMessage",
        ),
        (
            {"contents": contents(mjml=mjml("{{ unsubscribe_url }}"))},
            POSTAL,
            "NoPostalAddress",
        ),
    ],
)
def test_what_a_marketing_message_lacks_is_a_warning(
    connection: Connection, template: dict[str, Any], sender: dict[str, Any], reason: str
) -> None:
    add_people(connection, addresses(2))
    plan = planned(connection, quiet_campaign(template=template, sender=sender))
    assert reasons(plan) == [("warning", reason)]
    transactional = quiet_campaign(template=template, sender=sender, campaign={"messageClass": "Transactional"})
    assert [told for _, told in reasons(planned(connection, transactional))] == (
        [reason] if reason == "LargeMessage" else []
    )


def test_against_another_revision_people_fields_and_words_are_compared(connection: Connection) -> None:
    ids = add_people(connection, addresses(30))
    connection.execute("""UPDATE contact SET attributes = '{"vip": true}' WHERE id = ANY (%s)""", (ids[:12],))

    def vips() -> ResolvedCampaign:
        content = quiet_campaign().to_json()
        content["segments"][0]["spec"]["allOf"] = [{"anyOf": [{"attribute": {"name": "vip", "values": ["true"]}}]}]
        content["template"]["spec"]["contents"][0]["subject"] = "Good evening"
        content["campaign"]["metadata"]["labels"] = {"note": "is not compared"}
        return ResolvedCampaign.from_json(content)

    plan = planned(connection, quiet_campaign(), against=vips(), revision="main")
    assert plan.against is not None
    assert (plan.against.added, plan.against.removed, plan.against.intent_changed) == (18, 0, True)
    assert [change.path for change in plan.against.fields] == [f"segments[{TEAM}/everybody].spec.allOf"]
    assert [(diff.part, diff.lines) for diff in plan.against.texts] == [
        ("subject", ("@@ -1 +1 @@", "-Good evening", "+Hello"))
    ]
    back = planned(connection, vips(), against=quiet_campaign(), revision="main")
    assert back.against is not None
    assert (back.against.added, back.against.removed) == (0, 18)
    same = planned(connection, vips(), against=vips(), revision="main").against
    assert same is not None
    assert (same.added, same.removed, same.intent_changed, same.fields, same.texts) == (0, 0, False, (), ())


def test_a_campaign_that_the_other_revision_lacks_is_new(connection: Connection) -> None:
    add_people(connection, addresses(3))
    plan = planned(connection, quiet_campaign(), revision="main")
    assert plan.against is not None
    assert not plan.against.existed
    assert planned(connection, quiet_campaign()).against is None


def test_a_proof_goes_to_the_seeds_as_it_starts(connection: Connection) -> None:
    add_people(connection, addresses(30))
    seeds = [
        {"address": "Team@Shop.example", "locale": "en"},
        {"address": "team@shop.example"},
        {"address": "qa@shop.example"},
    ]
    resolved = quiet_campaign(campaign={"mode": "Proof"}, sender={"seeds": seeds})
    plan = planned(connection, resolved)
    assert plan.size == start_run(connection, resolved, key=KEY, actor="test").planned == 2
    assert reasons(planned(connection, quiet_campaign(name="b", campaign={"mode": "Proof"}))) == [
        ("error", "NobodyToReach")
    ]
    connection.execute(
        "INSERT INTO suppression (address_hash, reason, source) VALUES (%s, 'HardBounce', 'test')",
        (address_hash(KEY, "qa@shop.example"),),
    )
    later = quiet_campaign(name="c", campaign={"mode": "Proof"}, sender={"seeds": seeds})
    assert reasons(planned(connection, later)) == [("warning", "SeedSuppressed")]


def test_an_estimate_holds_the_truth_in_its_interval(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.execute(
        """INSERT INTO contact (id, locale, time_zone) SELECT n, 'en', (ARRAY['Asia/Tokyo', 'Europe/Warsaw'])[n % 2 + 1]
           FROM generate_series(1, 5000) n"""
    )
    connection.execute(
        """INSERT INTO endpoint (contact_id, channel, address, address_hash, domain)
           SELECT n, 'Email', 'p' || n || '@inbox.example', decode(md5('p' || n), 'hex'), 'inbox.example'
           FROM generate_series(1, 5000) n WHERE n % 10 <> 0"""
    )
    connection.execute("INSERT INTO consent_subject (brand, topic, channel) VALUES ('shop', 'offers', 'Email')")
    connection.execute(
        "INSERT INTO consent (contact_id, subject, granted, at, source) SELECT n, 1, n % 3 <> 0, now(), 'test' "
        "FROM generate_series(1, 5000) n"
    )
    exact = planned(connection, quiet_campaign())
    assert planned(connection, quiet_campaign(), sampled=True).estimate is None  # few enough to count all
    monkeypatch.setattr(facts_module, "SAMPLE", 1_000)
    plan = planned(connection, quiet_campaign(), sampled=True)
    assert plan.estimate is not None
    assert 800 < plan.estimate.sampled < 1_200
    assert plan.estimate.low <= exact.size <= plan.estimate.high
    assert plan.estimate.high - plan.estimate.low < 0.1 * exact.size
    assert abs(plan.size - exact.size) < 0.05 * exact.size
    assert sum(cell.people for cell in plan.zones) == sum(cell.people for cell in plan.locales) == plan.size
    assert headline(plan).startswith("About ")
    assert planned(connection, quiet_campaign(), sampled=True).size == plan.size  # the same people each time
