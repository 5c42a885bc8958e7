"""Starting a run: all of it or nothing, once, and only what was meant."""

import json
from dataclasses import replace

import pytest

from herold.audience.addresses import address_hash
from herold.errors import Refused
from herold.ledger.counts import run_status
from herold.ledger.database import Connection
from herold.ledger.holds import active_holds
from herold.ledger.runs import change_run, start_run
from herold.resources.resolved import ResolvedCampaign
from parts.campaigns import small_campaign
from parts.ledger import Hand
from parts.people import KEY, add_people


def start(connection: Connection, resolved: ResolvedCampaign, *, at_once: bool = True) -> int:
    return start_run(connection, resolved, key=KEY, actor="test", at_once=at_once).run_id


def traces(connection: Connection) -> int:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM delivery) + (SELECT count(*) FROM chunk) "
        "+ (SELECT count(*) FROM run_zone) + (SELECT count(*) FROM audit) + (SELECT count(*) FROM sender)"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_campaign_that_is_applied_again_finds_its_run(connection: Connection) -> None:
    add_people(connection, ["a@mail.example"])
    first = start_run(connection, small_campaign(), key=KEY, actor="test", at_once=True)
    again = start_run(connection, small_campaign(), key=KEY, actor="test", at_once=True)
    assert (first.new, again.new) == (True, False)
    assert first.run_id == again.run_id
    assert again.frozen_changed == ()


def test_only_what_is_not_obeyed_is_reported_as_edited(connection: Connection) -> None:
    add_people(connection, ["a@mail.example"])
    first = small_campaign()
    start(connection, first)
    edited = small_campaign(port=2626, per_second="7", template={"attributeDefaults": []})
    # Segments that were deleted and declared again, word for word.
    anew = [
        each.model_copy(update={"metadata": each.metadata.model_copy(update={"uid": "x"})}) for each in edited.segments
    ]
    again = start_run(connection, replace(edited, segments=tuple(anew)), key=KEY, actor="test")
    assert again.frozen_changed == ("template.spec.attributeDefaults",)  # neither route nor rate: those are obeyed


def test_a_frozen_field_that_was_edited_is_reported_and_not_obeyed(connection: Connection) -> None:
    add_people(connection, ["a@mail.example"])
    start(connection, small_campaign())
    edited = small_campaign(campaign={"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 7}})
    again = start_run(connection, edited, key=KEY, actor="test")
    assert again.frozen_changed == ("campaign.spec.audience.maxRecipients",)
    pinned = connection.execute("SELECT resolved #>> '{campaign,spec,audience,maxRecipients}' FROM run").fetchone()
    assert pinned == ("100000000",)


def test_what_ran_does_not_run_again_unless_its_occurrence_grows(database: str, connection: Connection) -> None:
    add_people(connection, ["a@mail.example"])
    start(connection, small_campaign())
    hand = Hand(database)
    hand.record(hand.window(), "sent")
    hand.maintain()
    with pytest.raises(Refused, match=r"AlreadyRan.*\n.*occurrence: 2"):
        start(connection, small_campaign())
    start(connection, small_campaign(campaign={"occurrence": 2, "repeatPolicy": "Allow"}))
    with pytest.raises(Refused, match="AlreadyRan"):
        start(connection, small_campaign())
    assert len(hand.window().positions) == 1


def test_a_stopped_run_does_not_start_again(connection: Connection) -> None:
    add_people(connection, ["a@mail.example"])
    change_run(connection, start(connection, small_campaign()), "stop", actor="test")
    with pytest.raises(Refused, match="AlreadyRan"):
        start(connection, small_campaign())


def test_an_occurrence_that_went_back_is_refused(connection: Connection) -> None:
    add_people(connection, ["a@mail.example"])
    start(connection, small_campaign(campaign={"occurrence": 3}))
    with pytest.raises(Refused, match="OccurrenceWentBack"):
        start(connection, small_campaign(campaign={"occurrence": 2}))


def test_a_copy_under_another_name_waits_for_a_person(connection: Connection) -> None:
    add_people(connection, [f"p{n}@mail.example" for n in range(4)])
    start(connection, small_campaign())
    copy = start_run(connection, small_campaign(name="copy"), key=KEY, actor="test", at_once=True)
    assert copy.held is not None
    assert [hold.target for hold in active_holds(connection)] == ["campaigns-shop/copy"]
    meant = small_campaign(name="meant", campaign={"repeatPolicy": "Allow"})
    assert start_run(connection, meant, key=KEY, actor="test", at_once=True).held is None


@pytest.mark.parametrize(
    ("change", "schedule", "reason"),
    [
        ({"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 1}}, {}, "TooManyRecipients"),
        ({}, {"at": "2020-01-01T09:00:00"}, "StartMissed"),
        ({"message": {"topic": "news", "templateRef": {"name": "hello"}, "senderRef": {"name": "s"}}}, {},
         "NobodyToReach"),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_no_trace(
    connection: Connection, change: dict[str, object], schedule: dict[str, object], reason: str
) -> None:
    add_people(connection, ["a@mail.example", "b@mail.example"])
    with pytest.raises(Refused, match=reason):
        start(connection, small_campaign(campaign=change, schedule=schedule), at_once=False)
    assert traces(connection) == 0


def test_two_contacts_with_one_address_get_one_mail(database: str, connection: Connection) -> None:
    add_people(connection, ["a@mail.example", "a@mail.example", "b@mail.example"])
    started = start_run(connection, small_campaign(), key=KEY, actor="test", at_once=True)
    assert (started.planned, started.left_out) == (2, {"DuplicateAddress": 1})
    assert sorted(Hand(database).window().addresses) == ["a@mail.example", "b@mail.example"]


def test_everybody_has_the_due_time_of_their_own_zone(connection: Connection) -> None:
    add_people(connection, ["w@mail.example", "t@mail.example"], zones=["Europe/Warsaw", "Asia/Tokyo"])
    run = start(connection, small_campaign(schedule={"localTime": "Recipient"}), at_once=False)
    rows = connection.execute(
        "SELECT name, due_at::text FROM run_zone WHERE run_id = %s ORDER BY name", (run,)
    ).fetchall()
    assert rows == [("Asia/Tokyo", "2026-12-01 00:00:00+00"), ("Europe/Warsaw", "2026-12-01 08:00:00+00")]


def test_nothing_is_due_before_its_time(database: str, connection: Connection) -> None:
    add_people(connection, ["w@mail.example"])
    run = start(connection, small_campaign(schedule={"at": "2999-01-01T09:00:00"}), at_once=False)
    hand = Hand(database)
    assert hand.maintain() == []
    connection.execute("UPDATE lane SET refilled_at = now() - interval '1 h'")
    assert "Empty" in repr(hand.claim())
    assert run_status(connection, [run])[0].summary == "Armed"


def test_a_proof_goes_to_the_seeds_alone(database: str, connection: Connection) -> None:
    add_people(connection, ["customer@mail.example"])
    seeds = [{"address": "Anna@team.example", "locale": "de"}, {"address": "jan@team.example", "locale": "pl"}]
    proof = small_campaign(campaign={"mode": "Proof"}, sender={"seeds": seeds})
    start(connection, proof)
    window = Hand(database).window()
    assert list(zip(window.addresses, window.locales, strict=True)) == [
        ("anna@team.example", "de"),
        ("jan@team.example", "pl"),
    ]
    assert start_run(connection, small_campaign(), key=KEY, actor="t", at_once=True).planned == 1


def test_a_run_keeps_what_it_pinned(connection: Connection) -> None:
    add_people(connection, ["a@mail.example"])
    resolved = small_campaign()
    run = start(connection, resolved)
    row = connection.execute("SELECT resolved, intent_digest FROM run WHERE id = %s", (run,)).fetchone()
    assert row is not None
    assert ResolvedCampaign.from_json(json.loads(json.dumps(row[0]))) == resolved
    assert row[1] == resolved.intent_digest()


def test_a_changed_rate_is_the_lanes_rate_at_once(connection: Connection) -> None:
    add_people(connection, ["a@mail.example"])
    start(connection, small_campaign(per_second="800"))
    start(connection, small_campaign(per_second="50"))
    assert connection.execute("SELECT per_second FROM lane").fetchall() == [(50,)]


def test_lanes_pace_their_domains(connection: Connection) -> None:
    add_people(connection, ["a@big.example", "b@big.example", "c@small.example"])
    limits = {"perSecond": "10", "lanes": [{"name": "big", "domains": ["big.example"], "perSecond": "1"}]}
    start(connection, small_campaign(sender={"limits": limits}))
    rows = connection.execute(
        "SELECT l.name, count(*) FROM delivery JOIN lane l ON l.id = lane_id GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert rows == [("default", 1), ("lane/big", 2)]


def test_addresses_are_known_by_their_keyed_hash(connection: Connection) -> None:
    add_people(connection, ["a@mail.example"])
    start(connection, small_campaign())
    assert connection.execute("SELECT address_hash FROM delivery").fetchone() == (address_hash(KEY, "a@mail.example"),)
    assert address_hash(b"x" * 32, "a@mail.example") != address_hash(KEY, "a@mail.example")
