"""Made-up people: always the same, all kinds of them, and what is loaded is what the oracle expects."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from herold.audience.addresses import domain_of, normalise
from herold.demo import cdnow
from herold.demo.loading import load, load_people
from herold.demo.people import Person, expected_recipients, made_up_people, people
from herold.errors import NotFound, Refused
from herold.ledger.database import Connection

KEY = b"k" * 32
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
RESERVED = (".example", ".test", "example.com", "example.net", "example.org")

WHO_GETS_OFFERS = """
    SELECT DISTINCT e.address FROM contact c JOIN endpoint e ON e.contact_id = c.id
    JOIN consent_current k ON k.contact_id = c.id AND k.granted
    JOIN consent_subject s ON s.id = k.subject AND s.topic = 'offers' AND s.brand = 'shop'
    WHERE NOT EXISTS (SELECT FROM suppression x WHERE x.address_hash = e.address_hash)
"""


@pytest.fixture(scope="module")
def everybody() -> list[Person]:
    return list(people(customers=None, seed=1, now=NOW))


def test_the_history_has_all_its_customers_and_purchases(everybody: list[Person]) -> None:
    assert len(everybody) == cdnow.CUSTOMERS == 23_570
    orders = [order for person in everybody for order in person.orders]
    assert len(orders) == cdnow.PURCHASES == 69_659
    assert len({order.order_id for order in orders}) == len(orders)


def test_the_last_purchase_was_yesterday_and_nothing_lies_in_the_future(everybody: list[Person]) -> None:
    last = max(order.at for person in everybody for order in person.orders)
    assert last.date() == (NOW - timedelta(days=1)).date()
    assert all(event.at < NOW for person in everybody for event in person.events)
    assert all(consent.at < NOW for person in everybody for consent in person.consents)
    assert all(person.last_seen < NOW for person in everybody)


def test_the_same_seed_gives_the_same_people_and_another_gives_others() -> None:
    assert list(people(customers=300, seed=7, now=NOW)) == list(people(customers=300, seed=7, now=NOW))
    assert list(made_up_people(300, 7, now=NOW)) == list(made_up_people(300, 7, now=NOW))
    assert list(made_up_people(300, 7, now=NOW)) != list(made_up_people(300, 8, now=NOW))


def test_the_first_people_are_the_same_however_many_follow() -> None:
    assert list(made_up_people(50, 7, now=NOW)) == list(made_up_people(500, 7, now=NOW))[:50]


def test_every_address_is_reserved_and_has_the_one_form_that_the_ledger_uses(everybody: list[Person]) -> None:
    for person in everybody:
        if person.email is None or person.address is None:
            assert person.email == person.address
            continue
        assert normalise(person.email) == person.address
        assert domain_of(person.address).endswith(RESERVED)


def test_all_kinds_of_people_are_there_in_their_shares(everybody: list[Person]) -> None:
    total = len(everybody)
    addresses = Counter(person.address for person in everybody if person.address)

    def share(count: int) -> float:
        return 100 * count / total

    assert 2.5 < share(sum(not person.consented("offers") for person in everybody)) < 5
    assert 0.5 < share(sum(person.address is None for person in everybody)) < 1.5
    assert 0.5 < share(sum(count > 1 for count in addresses.values())) < 1.5
    assert max(addresses.values()) == 2
    assert 1 < share(sum(person.suppressed for person in everybody)) < 2
    assert 3 < share(sum(person.first_name is None for person in everybody)) < 5
    assert {person.locale[:2] for person in everybody} == {"en", "de", "pl"}
    assert len({person.time_zone for person in everybody}) >= 30
    assert {event.name for person in everybody for event in person.events} == {"page_view", "cart_abandoned"}
    assert any(person.email != person.address for person in everybody)
    assert sum(person.vip for person in everybody) > 500


def test_recipients_are_those_with_address_and_consent_and_without_suppression_once_each() -> None:
    sample = list(made_up_people(3_000, 3, now=NOW))
    expected = expected_recipients(sample)
    suppressed = {person.address for person in sample if person.suppressed}
    assert not expected & suppressed
    assert all(
        person.address in expected
        for person in sample
        if person.address and person.consented("offers") and person.address not in suppressed
    )
    assert 0.9 * 3_000 < len(expected) < 0.97 * 3_000


def test_a_ledger_with_all_of_them_names_the_recipients_that_the_generator_expects(
    connection: Connection, everybody: list[Person]
) -> None:
    started = time.perf_counter()
    loaded = load_people(connection, KEY, seed=1, now=NOW)
    print(f"loaded {loaded} in {time.perf_counter() - started:.2f} s")
    assert loaded.contacts == 23_570
    assert loaded.purchases == 69_659
    assert {row[0] for row in connection.execute(WHO_GETS_OFFERS)} == expected_recipients(everybody)


def test_a_part_of_them_can_be_loaded_on_every_postgresql(any_connection: Connection) -> None:
    loaded = load_people(any_connection, KEY, customers=500, seed=5, now=NOW)
    expected = expected_recipients(people(customers=500, seed=5, now=NOW))
    assert loaded.contacts == 500
    assert {row[0] for row in any_connection.execute(WHO_GETS_OFFERS)} == expected


def test_dates_count_from_the_clock_of_the_ledger_when_no_instant_is_given(connection: Connection) -> None:
    loaded = load_people(connection, KEY, customers=20, seed=5)
    stored = {row[0] for row in connection.execute(WHO_GETS_OFFERS)}
    assert stored == expected_recipients(people(customers=20, seed=5, now=loaded.now))


def test_loading_twice_is_refused_and_changes_nothing(connection: Connection) -> None:
    load(connection, KEY, made_up_people(100, 1, now=NOW), now=NOW)
    with pytest.raises(Refused) as refusal:
        load(connection, KEY, made_up_people(200, 1, now=NOW), now=NOW)
    assert refusal.value.reason == "AlreadyLoaded"
    assert connection.execute("SELECT count(*) FROM contact").fetchone() == (100,)


def test_without_the_history_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with pytest.raises(NotFound) as error:
        list(people(customers=10, seed=1, now=NOW))
    assert error.value.hint is not None
    assert "locks/data.txt" in error.value.hint
