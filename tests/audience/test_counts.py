"""Counts, differences, samples: views of the same statement."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audience.naive import Person
from audience.worlds import campaign_to, store
from herold.audience.count import Difference, audience_difference, count_audience, lacking
from herold.audience.reasons import Reason
from herold.audience.sampling import count_sample, estimate, sample_contacts
from herold.ledger.database import Connection, one
from herold.resources.resolved import ResolvedCampaign

OFFERS = ("shop", "offers")
LANES = [{"name": "big", "domains": ["d1.example", "d2.example"], "perSecond": "5"}]


def people(count: int) -> list[Person]:
    """Every tenth without consent, every seventh without an address; 30 domains."""
    return [
        Person(
            id_,
            {"n": id_, "name": "x"} if id_ % 3 else {"n": id_},
            None if id_ % 7 == 0 else f"p{id_}@d{id_ % 30}.example",
            (None, "en", "pl-PL")[id_ % 3],
            (None, "Europe/Warsaw", "Asia/Tokyo", "Etc/UTC")[id_ % 4],
            consents={OFFERS: bool(id_ % 10)},
        )
        for id_ in range(1, count + 1)
    ]


def campaign(condition: dict[str, Any] | None = None) -> ResolvedCampaign:
    groups: list[list[dict[str, Any]]] = [[condition]] if condition else []
    return campaign_to({"all": groups}, {"n": "Integer", "name": "String"}, include=["all"], lanes=LANES)


def below(number: int) -> dict[str, Any]:
    return {"attribute": {"name": "n", "operator": "LessThan", "values": [str(number)]}}


def test_counts_are_sums_over_the_same_people(any_connection: Connection) -> None:
    everybody = people(500)
    store(any_connection, everybody, set())
    counts = count_audience(any_connection, campaign())
    accepted = [p for p in everybody if p.address and p.id % 10]
    assert counts.accepted == len(accepted)
    assert counts.considered == 500
    assert counts.left_out == dict.fromkeys(Reason, 0) | {
        Reason.NO_ADDRESS: 71,
        Reason.NO_CONSENT: 500 - 71 - len(accepted),
    }
    domains = Counter((p.address or "").split("@")[1] for p in accepted)
    assert len(counts.domains) == 20
    assert list(counts.domains.values()) == sorted(domains.values(), reverse=True)[:20]
    assert all(domains[domain] == people for domain, people in counts.domains.items())
    assert counts.other_domains == len(accepted) - sum(counts.domains.values())
    assert counts.locales == Counter(p.locale for p in accepted)
    assert counts.time_zones == Counter(p.time_zone for p in accepted)
    assert counts.lanes[1] == domains["d1.example"] + domains["d2.example"]
    assert sum(counts.lanes.values()) == len(accepted)


def test_an_empty_audience_has_counts_too(connection: Connection) -> None:
    counts = count_audience(connection, campaign())
    assert (counts.accepted, counts.considered, counts.domains, counts.other_domains) == (0, 0, {}, 0)
    assert count_sample(connection, campaign()).accepted.people == 0
    assert sample_contacts(connection, campaign(), 3) == []


def test_counting_works_inside_a_read_only_transaction_and_changes_nothing(connection: Connection) -> None:
    store(connection, people(50), set())
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        assert count_audience(connection, campaign()).considered == 50
        assert count_sample(connection, campaign()).accepted.people == count_audience(connection, campaign()).accepted
        # What comes after in the same transaction is planned as ever.
        assert one(connection, "SHOW enable_nestloop") == ("on",)
        assert one(connection, "SHOW work_mem") == ("32MB",)
    assert one(connection, "SHOW enable_nestloop") == ("on",)


def test_a_difference_says_who_comes_and_who_goes(any_connection: Connection) -> None:
    store(any_connection, [Person(n, {"n": n}, f"p{n}@a.example", consents={OFFERS: True}) for n in range(100)], set())
    above = {**below(20), "negate": True}
    assert audience_difference(any_connection, campaign(below(70)), campaign(above)) == Difference(30, 20, 50)
    assert audience_difference(any_connection, campaign(), campaign()) == Difference(0, 0, 100)


def test_lacking_counts_only_those_who_get_it(connection: Connection) -> None:
    everybody = people(200)
    store(connection, everybody, set())
    accepted = [p for p in everybody if p.address and p.id % 10]
    without = sum("name" not in p.attributes for p in accepted)
    assert lacking(connection, campaign(), ["name", "n"]) == {"name": without, "n": 0}
    assert lacking(connection, campaign(), []) == {}


def test_sample_contacts_are_some_of_those_who_get_it_and_always_the_same(connection: Connection) -> None:
    store(connection, people(200), set())
    few = sample_contacts(connection, campaign(), 5)
    assert len({person.contact_id for person in few}) == 5
    assert all(person.contact_id % 10 and person.address.endswith(".example") for person in few)
    assert [person.attributes["n"] for person in few] == [person.contact_id for person in few]
    assert sample_contacts(connection, campaign(), 5) == few


def test_a_sample_estimates_within_its_interval(any_connection: Connection) -> None:
    store(any_connection, people(6000), set())
    exact = count_audience(any_connection, campaign(below(3000)))
    sampled = count_sample(any_connection, campaign(below(3000)), size=1500)
    assert 1200 < sampled.sampled < 1800
    # Hashes are of a fixed key: the same sample each time, so this can't flicker.
    assert sampled.accepted.low <= exact.accepted <= sampled.accepted.high
    assert sampled.accepted.high - sampled.accepted.low < 500
    for reason, people_ in exact.left_out.items():
        assert sampled.left_out[reason].low <= people_ <= sampled.left_out[reason].high


@given(population=st.integers(1, 10**9), data=st.data())
def test_an_interval_holds_the_estimate_and_what_was_seen(population: int, data: st.DataObject) -> None:
    sampled = data.draw(st.integers(0, min(population, 10**6)))
    found = data.draw(st.integers(0, sampled))
    guess = estimate(found, sampled, population)
    assert 0 <= guess.low <= guess.people <= guess.high <= population
    assert found <= guess.high
    assert guess.low <= population - (sampled - found)


@pytest.mark.parametrize(("found", "low", "high"), [(0, 0, 400), (50, 39_000, 61_000), (100, 96_000, 100_000)])
def test_intervals_are_wilson_s(found: int, low: int, high: int) -> None:
    guess = estimate(found, 100, 100_000)
    if found == 50:
        assert low < guess.low < 41_000
        assert 59_000 < guess.high < high
    else:
        # 3.7 of 100 is what a hundred without one still allows.
        assert min(guess.high, 100_000 - guess.low) < 3_800
