"""Who is left out, and which reason is told when several apply."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from audience.naive import Person
from audience.worlds import NOW, campaign_to, store
from herold.audience.reasons import Reason
from herold.audience.statement import audience_statement
from herold.errors import HeroldError, Refused
from herold.ledger.database import Connection
from herold.resources.resolved import ResolvedCampaign
from herold.resources.segment import Segment

OFFERS = ("shop", "offers")
Groups = dict[str, list[list[dict[str, Any]]]]
GROUPS: Groups = {
    "everybody": [],
    "vips": [[{"attribute": {"name": "vip", "values": ["true"]}}]],
}
FINE = Person(1, address="one@shop.example", consents={OFFERS: True})


def verdicts_of(connection: Connection, resolved: ResolvedCampaign) -> dict[int, str | None]:
    statement = audience_statement(resolved, now=NOW)
    return {row[0]: row[6] for row in connection.execute(statement.sql.encode(), statement.parameters)}


def campaign(**changes: Any) -> ResolvedCampaign:
    return campaign_to(GROUPS, {"vip": "Boolean"}, include=["everybody"], exclude=["vips"], **changes)


def test_the_first_reason_in_the_order_of_precedence_is_told(any_connection: Connection) -> None:
    # Each person has every fault from a place in the order on, and none before it.
    faults: list[dict[str, Any]] = [
        {"attributes": {"vip": True}},
        {"address": None},
        {"address": "who@corp.internal"},
        {"address": "bounced@shop.example"},
        {"consents": {OFFERS: False}},
        {},
    ]
    people = [FINE]
    for place in range(len(faults)):
        changed: dict[str, Any] = {}
        for fault in faults[place:]:
            changed = {**fault, **changed}
        people.append(replace(FINE, id=place + 2, **changed))
    store(any_connection, people, {"bounced@shop.example", "who@corp.internal"})
    told = verdicts_of(any_connection, campaign())
    assert told == {1: None} | {place + 2: reason for place, reason in enumerate(Reason)}


def test_the_lowest_id_among_those_who_would_get_it_gets_the_shared_address(any_connection: Connection) -> None:
    people = [
        replace(FINE, id=1, consents={}),
        replace(FINE, id=2, attributes={"vip": True}),
        replace(FINE, id=3),
        replace(FINE, id=4),
        replace(FINE, id=5, seed=True),
    ]
    store(any_connection, people, set())
    assert verdicts_of(any_connection, campaign()) == {
        1: "NoConsent",
        2: "Excluded",
        3: None,
        4: "DuplicateAddress",
    }


def test_consent_to_another_topic_or_brand_is_no_consent(connection: Connection) -> None:
    store(connection, [replace(FINE, consents={("shop", "news"): True, ("club", "offers"): True})], set())
    assert verdicts_of(connection, campaign()) == {1: "NoConsent"}
    assert verdicts_of(connection, campaign(message_class="Transactional")) == {1: None}


def test_nobody_consented_to_a_subject_that_was_never_asked_about(connection: Connection) -> None:
    store(connection, [replace(FINE, consents={})], set())
    assert connection.execute("SELECT count(*) FROM consent_subject").fetchone() == (0,)
    assert verdicts_of(connection, campaign()) == {1: "NoConsent"}


def test_seeds_and_erased_people_are_in_no_audience(connection: Connection) -> None:
    store(connection, [replace(FINE, seed=True), replace(FINE, id=2, erased=True)], set())
    assert verdicts_of(connection, campaign(message_class="Transactional")) == {}


def test_the_lane_follows_the_domain(connection: Connection) -> None:
    people = [replace(FINE, id=id_, address=f"a@{name}.example") for id_, name in enumerate("abcd", start=1)]
    store(connection, people, set())
    lanes = [
        {"name": "first", "domains": ["b.example"], "perSecond": "1"},
        {"name": "second", "domains": ["c.example", "d.example"], "perSecond": "1"},
    ]
    statement = audience_statement(campaign(lanes=lanes))
    rows = connection.execute(statement.sql.encode(), statement.parameters).fetchall()
    assert {row[0]: row[5] for row in rows} == {1: 0, 2: 1, 3: 2, 4: 2}


def test_every_reason_has_a_sentence() -> None:
    assert all(reason.sentence.endswith(".") for reason in Reason)


def test_segments_that_multiply_each_other_are_refused() -> None:
    names = [f"s{level:02}" for level in range(16)]
    groups: Groups = {
        name: [[{"segmentRef": {"name": below}}], [{"segmentRef": {"name": below}, "negate": True}]]
        for name, below in pairwise(names)
    }
    with pytest.raises(Refused, match="AudienceTooComplex"):
        audience_statement(campaign_to({**groups, names[-1]: []}, {}, include=names[:1]))


def test_a_long_chain_of_segments_is_refused() -> None:
    names = [f"s{level:02}" for level in range(40)]
    groups: Groups = {name: [[{"segmentRef": {"name": below}}]] for name, below in pairwise(names)}
    with pytest.raises(Refused, match="deep"):
        audience_statement(campaign_to({**groups, names[-1]: []}, {}, include=names[:1]))


def test_too_many_different_histories_are_refused() -> None:
    asked = [[{"event": {"name": "opened", "atLeast": 1 + n * 16 + m}} for m in range(16)] for n in range(5)]
    with pytest.raises(Refused, match="different conditions"):
        audience_statement(campaign_to({"all": asked}, {}, include=["all"]))


@pytest.mark.parametrize(
    "condition",
    [
        {"attribute": {"name": "vpi", "operator": "Exists"}},
        {"attribute": {"name": "vip", "operator": "LessThan", "values": ["true"]}},
        {"event": {"name": "openned"}},
    ],
)
def test_what_validation_refuses_is_never_made_into_sql(condition: dict[str, Any]) -> None:
    with pytest.raises(HeroldError, match="herold validate"):
        audience_statement(campaign_to({"all": [[condition]]}, {"vip": "Boolean"}, include=["all"]))


def test_a_hundred_conditions_are_planned_and_run(any_connection: Connection) -> None:
    store(any_connection, [FINE], set())
    asked = [
        [{"event": {"name": "opened", "atLeast": 1 + n * 8 + m}, "negate": True} for m in range(8)] for n in range(8)
    ]
    flags = [[{"attribute": {"name": "vip", "values": ["true"]}, "negate": True}]] * 8
    resolved = campaign_to({"all": [*asked, *flags]}, {"vip": "Boolean"}, include=["all"])
    assert isinstance(resolved.segments[0], Segment)
    assert verdicts_of(any_connection, resolved) == {1: None}
