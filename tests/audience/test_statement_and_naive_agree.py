"""The statement says of everybody what a reader of the resources would say, whatever the data and the segments."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from audience.naive import verdicts
from audience.worlds import NOW, World, store, worlds
from herold.audience.sampling import SAMPLE_SIZE, count_sample
from herold.audience.statement import audience_statement, tuned
from herold.ledger.database import Connection

CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=100, deadline=None, suppress_health_check=CHECKS)
@given(world=worlds())
def test_sql_and_a_naive_reader_agree_about_everybody(any_connection: Connection, world: World) -> None:
    expected = verdicts(world.resolved, world.people, world.suppressed, NOW)
    statement = audience_statement(world.resolved, now=NOW)
    with any_connection.transaction(force_rollback=True):
        store(any_connection, world.people, world.suppressed)
        plain = any_connection.execute(statement.sql.encode(), statement.parameters).fetchall()
        with tuned(any_connection):
            merged = any_connection.execute(statement.sql.encode(), statement.parameters).fetchall()
        sampled = count_sample(any_connection, world.resolved, size=SAMPLE_SIZE, now=NOW)
    assert {row[0]: row[6] for row in plain} == expected
    assert len(plain) == len(expected)
    assert sorted(merged) == sorted(plain)
    by_id = {person.id: person for person in world.people}
    for id_, _, domain, locale, zone, lane, _ in plain:
        person = by_id[id_]
        assert (domain, locale, zone) == (
            person.address and person.address.split("@")[1],
            person.locale,
            person.time_zone,
        )
        assert lane == 0
    # A sample of everybody is the audience.
    assert sampled.accepted.people == list(expected.values()).count(None)
    assert {str(reason): each.people for reason, each in sampled.left_out.items() if each.people} == {
        reason: list(expected.values()).count(reason) for reason in set(expected.values()) if reason
    }
