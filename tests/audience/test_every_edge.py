"""Each operator against each kind of stored value, each count against each history: all of them, not some at random."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import combinations, product
from typing import Any

import pytest

from audience.naive import Bought, Happened, Person, verdicts
from audience.worlds import NOW, STORED, TYPES, VALUES, campaign_to, store
from herold.audience.statement import audience_statement
from herold.ledger.database import Connection
from herold.resources.contact_schema import AttributeType
from herold.resources.resolved import ResolvedCampaign
from herold.resources.values import OPERATORS

HOUR = timedelta(hours=1)
# On the edge of an hour, and a second to each side; now, and a second after it.
AGES = tuple(timedelta(seconds=seconds) for seconds in (-1, 0, 3599, 3600, 3601, 7200))


def to(
    condition: dict[str, Any], types: dict[str, AttributeType], properties: dict[str, AttributeType] | None = None
) -> ResolvedCampaign:
    return campaign_to({"all": [[condition]]}, types, properties, include=["all"])


def both_ways(connection: Connection, people: list[Person], resolved: ResolvedCampaign) -> tuple[set[int], set[int]]:
    statement = audience_statement(resolved, now=NOW)
    rows = connection.execute(statement.sql.encode(), statement.parameters).fetchall()
    return {row[0] for row in rows}, set(verdicts(resolved, people, set(), NOW))


@pytest.mark.parametrize("type_", TYPES)
def test_every_operator_reads_every_stored_value_alike(any_connection: Connection, type_: AttributeType) -> None:
    people = [Person(1), *(Person(id_, {"a": value}) for id_, value in enumerate(STORED, start=2))]
    events = [Person(p.id + 1000, events=(Happened("opened", NOW, p.attributes),)) for p in people]
    store(any_connection, people + events, set())
    matched = 0
    for operator in OPERATORS[type_]:
        for value in VALUES[type_] if operator != "Exists" else ("",):
            asked = {"name": "a", "operator": operator, "values": [] if operator == "Exists" else [value]}
            for negate in (False, True):
                by_attribute = to({"attribute": asked, "negate": negate}, {"a": type_})
                found, expected = both_ways(any_connection, people + events, by_attribute)
                assert found == expected, (asked, negate)
                matched += len(found)
            by_property = to({"event": {"name": "opened", "where": [asked]}}, {"a": type_}, {"a": type_})
            found, expected = both_ways(any_connection, people + events, by_property)
            assert found == expected, asked
    assert matched


def test_every_count_of_events_at_every_edge_of_time(any_connection: Connection) -> None:
    histories = [history for size in range(4) for history in combinations(AGES, size)]
    people = [
        Person(id_, events=tuple(Happened("opened", NOW - age, {}) for age in history))
        for id_, history in enumerate(histories, start=1)
    ]
    store(any_connection, people, set())
    for least, more, within, older in product((0, 1, 2), (None, 0, 1), (None, "1h"), (None, "1h", "1s")):
        asked = {"name": "opened", "atLeast": least, "within": within, "lastOlderThan": older}
        asked["atMost"] = None if more is None else least + more
        found, expected = both_ways(any_connection, people, to({"event": asked}, {}))
        assert found == expected, asked


def test_every_sum_and_count_of_orders(any_connection: Connection) -> None:
    amounts = (Decimal("0.5"), Decimal("-0.5"), Decimal("10"))
    orders = [Bought(NOW - age, amount) for age, amount in product((HOUR, 2 * HOUR), amounts)]
    people = [
        Person(id_, orders=history)
        for id_, history in enumerate((h for size in range(4) for h in combinations(orders, size)), start=1)
    ]
    store(any_connection, people, set())
    totals = (None, "0", "0.5", "10")
    for least, most, low, high, within in product((0, 1, 2), (None, 2), totals, totals, (None, "1h")):
        asked = {"atLeast": least, "atMost": most, "totalAtLeast": low, "totalAtMost": high, "within": within}
        found, expected = both_ways(any_connection, people, to({"order": asked}, {}))
        assert found == expected, asked
