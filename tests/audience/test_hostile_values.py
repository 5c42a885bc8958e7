"""Values of segments, lanes and allow-lists stay values, whatever they look like."""

from __future__ import annotations

from typing import Any

import pytest

from audience.naive import Person
from audience.worlds import HOSTILE, NOW, campaign_to, store
from herold.audience.count import count_audience, lacking
from herold.audience.statement import audience_statement
from herold.ledger.database import Connection, one

STORABLE = [text for text in HOSTILE if "\0" not in text]


@pytest.mark.parametrize("operator", ["In", "StartsWith"])
def test_a_hostile_value_matches_itself_and_nothing_else(any_connection: Connection, operator: str) -> None:
    store(any_connection, [Person(id_, {"a": text}) for id_, text in enumerate(STORABLE, start=1)], set())
    for value in HOSTILE:
        asked = {"attribute": {"name": "a", "operator": operator, "values": [value]}}
        statement = audience_statement(campaign_to({"all": [[asked]]}, {"a": "String"}, include=["all"]), now=NOW)
        found = {row[0] for row in any_connection.execute(statement.sql.encode(), statement.parameters)}
        matching = {
            n
            for n, text in enumerate(STORABLE, start=1)
            if text == value or (operator != "In" and text.startswith(value))
        }
        assert found == matching, value
    assert one(any_connection, "SELECT count(*) FROM contact") == (len(STORABLE),)


def test_no_value_of_a_resource_is_part_of_the_sql() -> None:
    canary = "canary'--"
    asked: list[list[dict[str, Any]]] = [
        [{"attribute": {"name": "a", "values": [canary]}}],
        [{"attribute": {"name": "a", "operator": "StartsWith", "values": [canary]}}],
        [
            {
                "event": {
                    "name": "opened",
                    "atLeast": 424242,
                    "within": "4242s",
                    "where": [{"name": "a", "values": [canary]}],
                }
            }
        ],
        [{"order": {"totalAtLeast": "4242.42"}}],
    ]
    resolved = campaign_to(
        {"all": asked},
        {"a": "String"},
        {"a": "String"},
        include=["all"],
        allow={"domains": ["canary.internal"], "addresses": ["canary'--@corp.internal"]},
        lanes=[{"name": "canary", "domains": ["canary.example"], "perSecond": "4242"}],
    )
    statement = audience_statement(resolved, now=NOW)
    assert "canary" not in statement.sql
    assert "4242" not in statement.sql
    assert "canary" in str(statement.parameters)
    assert "4242" in str(statement.parameters)


def test_attributes_that_are_no_object_lack_everything(any_connection: Connection) -> None:
    people = [
        Person(id_, stored, f"p{id_}@shop.example", consents={("shop", "offers"): True})
        for id_, stored in enumerate(([], "a", 1, None, True, ["a"], {"a": "x"}), start=1)
    ]
    store(any_connection, people, set())
    resolved = campaign_to({"all": []}, {"a": "String"}, include=["all"])
    assert lacking(any_connection, resolved, ["a", "a"]) == {"a": 6}
    assert count_audience(any_connection, resolved).accepted == 7
