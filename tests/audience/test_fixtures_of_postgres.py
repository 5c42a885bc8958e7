"""The databases that tests are given."""

from __future__ import annotations

from herold.ledger.database import SCHEMA_VERSION, Connection, check_schema, connect, one


def test_each_test_has_a_migrated_database_of_its_own(any_database: str) -> None:
    connection = connect(any_database)
    check_schema(connection)
    assert one(connection, "SELECT max(version) FROM migration") == (SCHEMA_VERSION,)
    assert one(connection, "SELECT count(*) FROM contact") == (0,)
    connection.execute("INSERT INTO contact DEFAULT VALUES")
    connection.close()


def test_what_another_test_wrote_is_not_there(connection: Connection, any_connection: Connection) -> None:
    for each in (connection, any_connection):
        assert one(each, "SELECT count(*) FROM contact") == (0,)
        each.execute("INSERT INTO contact DEFAULT VALUES")
