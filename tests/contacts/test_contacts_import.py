"""What an import of people does to the ledger: a patch, once, and never a consent that was taken back."""

from __future__ import annotations

import csv
import io
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from herold.audience.addresses import address_hash
from herold.contacts.importing import ImportResult, import_contacts
from herold.errors import InvalidInput, NotFound
from herold.ledger.database import Connection
from herold.resources.contact_schema import ContactSchema

KEY = b"k" * 32
SCHEMA = ContactSchema.model_validate(
    {
        "metadata": {"name": "customers", "namespace": "shared"},
        "spec": {
            "attributes": [
                {"name": "first_name", "type": "String"},
                {"name": "loyalty_points", "type": "Integer"},
                {"name": "lifetime_value", "type": "Decimal"},
                {"name": "vip", "type": "Boolean"},
                {"name": "birthday", "type": "Date"},
                {"name": "last_seen", "type": "Timestamp"},
            ],
            "brands": ["shop"],
            "topics": [{"name": "offers"}, {"name": "news"}],
        },
    }
)
Import = Callable[..., ImportResult]


@pytest.fixture
def run(connection: Connection, tmp_path: Path) -> Import:
    """Import text, as CSV unless it is a list of objects."""

    def go(content: str | bytes | list[dict[str, Any]], **more: Any) -> ImportResult:
        form: Literal["csv", "jsonl"] = "csv"
        if isinstance(content, list):
            form, content = "jsonl", "\n".join(json.dumps(each) for each in content)
        data = content.encode() if isinstance(content, str) else content
        return import_contacts(
            connection,
            io.BytesIO(data),
            schema=SCHEMA,
            key=KEY,
            format=form,
            source="test",
            rejects=tmp_path / "rejects",
            **more,
        )

    return go


@pytest.fixture
def rejected(tmp_path: Path) -> Callable[[], str]:
    def read() -> str:
        path = tmp_path / "rejects"
        return path.read_text() if path.exists() else ""

    return read


def attributes(connection: Connection, external_id: str) -> dict[str, Any]:
    row = connection.execute("SELECT attributes FROM contact WHERE external_id = %s", (external_id,)).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


def consents(connection: Connection, external_id: str) -> list[tuple[str, bool, str]]:
    """The log: topic, granted, date."""
    return [
        tuple(row)
        for row in connection.execute(
            """SELECT s.topic, k.granted, to_char(k.at, 'YYYY-MM-DD') FROM consent k
               JOIN consent_subject s ON s.id = k.subject JOIN contact c ON c.id = k.contact_id
               WHERE c.external_id = %s ORDER BY k.at, k.granted DESC, s.topic""",
            (external_id,),
        )
    ]


def current(connection: Connection, external_id: str, topic: str = "offers") -> bool | None:
    row = connection.execute(
        """SELECT k.granted FROM consent_current k JOIN consent_subject s ON s.id = k.subject
           JOIN contact c ON c.id = k.contact_id WHERE c.external_id = %s AND s.topic = %s""",
        (external_id, topic),
    ).fetchone()
    return None if row is None else bool(row[0])


def versions(connection: Connection) -> list[tuple[Any, ...]]:
    """Row versions of everything that an import writes: the same only if nothing was written again."""
    return [
        tuple(row)
        for row in connection.execute(
            """SELECT 'contact', id::text, xmin::text, updated_at::text FROM contact
               UNION ALL SELECT 'endpoint', contact_id::text, xmin::text, address FROM endpoint
               UNION ALL SELECT 'consent', contact_id::text || subject || at, xmin::text, granted::text FROM consent
               UNION ALL SELECT 'current', contact_id::text || subject, xmin::text, at::text FROM consent_current
               ORDER BY 1, 2, 3, 4"""
        )
    ]


ALL_COLUMNS = (
    "external_id,email,locale,time_zone,first_name,loyalty_points,lifetime_value,vip,birthday,last_seen,"
    "consent:shop:offers,consent_at,consent_wording\n"
)


def test_values_are_kept_as_the_schema_types_them(run: Import, connection: Connection) -> None:
    result = run(
        ALL_COLUMNS + 'A1, Ann.Example@Mail.Example ,en-GB,Europe/London,"Ann ""the"" Łuk, jr.",+012,12.50,TRUE,'
        "1980-02-29,2026-01-02T03:04:05.678+02:00,granted,2026-01-01T00:00:00Z,Yes please\n"
    )
    assert (result.read, result.created, result.rejected, result.consents_added) == (1, 1, 0, 1)
    assert attributes(connection, "A1") == {
        "first_name": 'Ann "the" Łuk, jr.',
        "loyalty_points": 12,
        "lifetime_value": 12.5,
        "vip": True,
        "birthday": "1980-02-29",
        "last_seen": "2026-01-02T01:04:05Z",
    }
    row = connection.execute(
        "SELECT c.locale, c.time_zone, e.address, e.address_hash, e.domain, k.source, k.wording FROM contact c "
        "JOIN endpoint e ON e.contact_id = c.id JOIN consent k ON k.contact_id = c.id"
    ).fetchone()
    address = "ann.example@mail.example"
    hashed = address_hash(KEY, address)
    assert row == ("en-GB", "Europe/London", address, hashed, "mail.example", "test", "Yes please")


def test_json_lines_say_the_same_as_csv(run: Import, connection: Connection) -> None:
    text = ALL_COLUMNS + "A1,a@mail.example,en,Europe/London,Ann,12,12.50,true,1980-02-29,2026-01-02T03:04:05Z,"
    run(text + "granted,2026-01-01T00:00:00Z,Yes\n")
    before = versions(connection)
    row = {
        "external_id": "A1",
        "email": "a@mail.example",
        "locale": "en",
        "time_zone": "Europe/London",
        "attributes": {
            "first_name": "Ann",
            "loyalty_points": 12,
            "lifetime_value": 12.5,
            "vip": True,
            "birthday": "1980-02-29",
            "last_seen": "2026-01-02T03:04:05+00:00",
        },
        "consents": [
            {"brand": "shop", "topic": "offers", "granted": True, "at": "2026-01-01T00:00:00Z", "wording": "Yes"}
        ],
    }
    result = run([row])
    assert (result.unchanged, result.consents_added) == (1, 0)
    assert versions(connection) == before


def test_a_blank_or_absent_value_deletes_nothing(run: Import, connection: Connection) -> None:
    run("external_id,email,locale,first_name,vip\nA1,a@mail.example,en,Ann,true\n")
    result = run("external_id,email,locale,first_name,loyalty_points\nA1,,  ,,7\n")
    assert result.updated == 1
    assert attributes(connection, "A1") == {"first_name": "Ann", "vip": True, "loyalty_points": 7}
    assert connection.execute(
        "SELECT c.locale, e.address FROM contact c JOIN endpoint e ON contact_id = id"
    ).fetchone() == (
        "en",
        "a@mail.example",
    )


@pytest.mark.parametrize(
    "deletion",
    [
        "external_id,email,time_zone,first_name\nA1,\\N,\\N,\\N\n",
        [{"external_id": "A1", "email": None, "time_zone": None, "attributes": {"first_name": None}}],
    ],
    ids=["csv", "jsonl"],
)
def test_an_explicit_null_deletes(run: Import, connection: Connection, deletion: Any) -> None:
    run("external_id,email,time_zone,locale,first_name,vip\nA1,a@mail.example,Europe/Berlin,de,Ann,true\n")
    assert run(deletion).updated == 1
    assert attributes(connection, "A1") == {"vip": True}
    row = connection.execute("SELECT locale, time_zone, (SELECT count(*) FROM endpoint) FROM contact").fetchone()
    assert row == ("de", None, 0)
    assert run(deletion).unchanged == 1


def test_a_changed_address_replaces_the_old_one_and_its_hash(run: Import, connection: Connection) -> None:
    run("external_id,email\nA1,a@mail.example\n")
    assert run("external_id,email\nA1,b@post.example\n").updated == 1
    row = connection.execute("SELECT address, address_hash, domain FROM endpoint").fetchall()
    assert row == [("b@post.example", address_hash(KEY, "b@post.example"), "post.example")]


def test_two_contacts_may_share_one_address(run: Import, connection: Connection) -> None:
    assert run("external_id,email\nA1,a@mail.example\nA2,A@mail.example\n").created == 2
    assert connection.execute("SELECT count(*), count(DISTINCT address_hash) FROM endpoint").fetchone() == (2, 1)


@pytest.mark.parametrize("batch_rows", [1, 50_000])
def test_of_two_rows_about_one_person_the_last_is_taken_and_consents_of_both(
    run: Import, connection: Connection, batch_rows: int
) -> None:
    text = (
        "external_id,first_name,vip,consent:shop:offers,consent:shop:news\n"
        "A1,First,true,withdrawn,\nB1,Bob,,,\nA1,Last,,granted,granted\n"
    )
    result = run(text, batch_rows=batch_rows)
    assert (result.read, result.created, result.superseded, result.consents_refused) == (3, 2, 1, 1)
    assert attributes(connection, "A1") == {"first_name": "Last"}
    assert current(connection, "A1") is False
    assert current(connection, "A1", "news") is True
    again = run(text, batch_rows=batch_rows)
    assert (again.unchanged, again.superseded, again.consents_added) == (2, 1, 0)


def test_importing_the_same_file_twice_writes_nothing(run: Import, connection: Connection) -> None:
    rows = "".join(
        f"C{n},c{n}@mail.example,en,Europe/Berlin,N{n},{n},{n}.50,{'true' if n % 2 else 'false'},1990-01-01,"
        f"2026-01-01T00:00:00Z,{('granted', 'withdrawn', '')[n % 3]},{'2026-01-01T00:00:00Z' if n % 2 else ''},W\n"
        for n in range(300)
    )
    first = run(ALL_COLUMNS + rows, batch_rows=70)
    assert (first.read, first.created) == (300, 300)
    before = versions(connection)
    second = run(ALL_COLUMNS + rows, batch_rows=70)
    assert (second.read, second.unchanged) == (300, 300)
    assert (second.consents_added, second.consents_refused) == (0, 0)
    assert versions(connection) == before


class TestConsent:
    """An import may withdraw. It never grants again without evidence newer than what is recorded."""

    GRANTED = "external_id,consent:shop:offers,consent_at\nA1,granted,2026-03-01T00:00:00Z\n"
    WITHDRAWN = "external_id,consent:shop:offers,consent_at\nA1,withdrawn,2026-04-01T00:00:00Z\n"

    def test_a_grant_without_an_instant_is_taken_for_people_without_a_record(
        self, run: Import, connection: Connection
    ) -> None:
        assert run("external_id,consent:shop:offers\nA1,granted\n").consents_added == 1
        assert current(connection, "A1") is True

    @pytest.mark.parametrize(
        "again",
        [
            "external_id,consent:shop:offers\nA1,granted\n",
            "external_id,consent:shop:offers,consent_at\nA1,granted,2026-02-01T00:00:00Z\n",
            "external_id,consent:shop:offers,consent_at\nA1,granted,2026-04-01T00:00:00Z\n",
        ],
        ids=["no instant", "older", "the same instant"],
    )
    def test_a_grant_after_a_withdrawal_is_refused_unless_it_is_newer(
        self, run: Import, connection: Connection, rejected: Callable[[], str], again: str
    ) -> None:
        run(self.GRANTED)
        run(self.WITHDRAWN)
        log = consents(connection, "A1")
        result = run(again)
        assert (result.unchanged, result.rejected) == (1, 0)
        assert (result.consents_added, result.consents_refused) == (0, 1)
        assert current(connection, "A1") is False
        assert consents(connection, "A1") == log
        assert "2,ConsentNotNewer," in rejected()

    def test_a_newer_grant_after_a_withdrawal_is_taken(self, run: Import, connection: Connection) -> None:
        run(self.WITHDRAWN)
        result = run("external_id,consent:shop:offers,consent_at\nA1,granted,2026-04-01T00:00:01Z\n")
        assert (result.consents_added, result.consents_refused) == (1, 0)
        assert current(connection, "A1") is True

    def test_a_withdrawal_without_an_instant_holds_against_any_earlier_grant(
        self, run: Import, connection: Connection
    ) -> None:
        run(self.GRANTED)
        assert run("external_id,consent:shop:offers\nA1,withdrawn\n").consents_added == 1
        assert current(connection, "A1") is False

    def test_the_recorded_grant_seen_again_is_neither_added_nor_refused(self, run: Import) -> None:
        run(self.GRANTED)
        for again in (self.GRANTED, "external_id,consent:shop:offers\nA1,granted\n"):
            result = run(again)
            assert (result.consents_added, result.consents_refused) == (0, 0)

    def test_an_old_export_does_not_bring_back_who_unsubscribed_since(
        self, run: Import, connection: Connection
    ) -> None:
        run(self.GRANTED)
        connection.execute(
            "INSERT INTO consent (contact_id, subject, granted, at, source) "
            "SELECT contact_id, subject, false, now(), 'unsubscribe' FROM consent_current"
        )
        assert run(self.GRANTED).consents_added == 0
        assert current(connection, "A1") is False

    def test_a_whole_history_in_one_file_ends_as_its_newest_evidence_says(
        self, run: Import, connection: Connection
    ) -> None:
        history = [
            {"brand": "shop", "topic": "offers", "granted": granted, "at": f"2026-0{month}-01T00:00:00Z"}
            for month, granted in ((3, True), (1, True), (2, False))
        ]
        assert run([{"external_id": "A1", "consents": history}]).consents_added == 3
        assert current(connection, "A1") is True
        again = run([{"external_id": "A1", "consents": history}])
        assert (again.consents_added, again.consents_refused) == (0, 0)

    def test_of_a_grant_and_a_withdrawal_at_one_instant_the_withdrawal_holds(
        self, run: Import, connection: Connection
    ) -> None:
        both = [
            {"brand": "shop", "topic": "offers", "granted": granted, "at": "2026-01-01T00:00:00Z"}
            for granted in (True, False)
        ]
        run([{"external_id": "A1", "consents": both}])
        assert current(connection, "A1") is False

    def test_evidence_from_the_future_is_refused(self, run: Import, rejected: Callable[[], str]) -> None:
        result = run("external_id,consent:shop:offers,consent_at\nA1,granted,2999-01-01T00:00:00Z\n")
        assert (result.created, result.rejected) == (0, 1)
        assert "consent_at lies in the future" in rejected()

    def test_other_words_than_granted_and_withdrawn_are_refused(self, run: Import, rejected: Callable[[], str]) -> None:
        assert run("external_id,consent:shop:offers\nA1,yes\nA2,Granted\n").reasons == {"Invalid": 1}
        assert "consent:shop:offers is neither granted nor withdrawn" in rejected()


class TestMistakes:
    def test_unknown_columns_stop_the_import_and_are_all_named_with_what_was_meant(
        self, run: Import, connection: Connection
    ) -> None:
        with pytest.raises(InvalidInput) as error:
            run("external_id,emial,frist_name,consent:shop:offer,vip,vip\nA1,a@mail.example,Ann,granted,true,true\n")
        fixes = {mistake.path: mistake.fix for mistake in error.value.mistakes}
        assert fixes == {
            "emial": "write email",
            "frist_name": "write first_name",
            "consent:shop:offer": "write consent:shop:offers",
            "vip": "remove one of the two columns",
        }
        assert connection.execute("SELECT count(*) FROM contact").fetchone() == (0,)

    def test_unknown_fields_of_json_lines_stop_the_import_before_the_first_row(
        self, run: Import, connection: Connection, rejected: Callable[[], str]
    ) -> None:
        good = [{"external_id": f"A{n}", "email": f"a{n}@mail.example"} for n in range(20)]
        bad = [
            {"external_id": "B1", "emial": "b@mail.example"},
            {"external_id": "B2", "attributes": {"vpi": True}},
            {"external_id": "B3", "consents": [{"brand": "shop", "topic": "offers", "granted": True, "on": "x"}]},
        ]
        with pytest.raises(InvalidInput) as error:
            run(good + bad, batch_rows=5)
        found = {(mistake.line, mistake.path, mistake.fix) for mistake in error.value.mistakes}
        assert {(21, "emial", "write email"), (22, "attributes.vpi", "write vip")} < found
        assert {each[1] for each in found} == {"emial", "attributes.vpi", "consents[].on"}
        assert connection.execute("SELECT count(*) FROM contact").fetchone() == (0,)
        assert rejected() == ""

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("email\na@mail.example\n", "external_id"),
            ("", "the file is empty"),
            ("external_id;email\nA1;a@mail.example\n", "commas"),
            ("external_id,email\n".encode("utf-16"), "UTF-8"),
        ],
    )
    def test_a_file_without_a_usable_header_is_refused_with_the_fix(
        self, run: Import, content: str | bytes, words: str
    ) -> None:
        with pytest.raises(InvalidInput, match=words):
            run(content)

    def test_a_file_that_is_not_there_is_named(self, connection: Connection, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match=r"missing\.csv"):
            import_contacts(
                connection,
                tmp_path / "missing.csv",
                schema=SCHEMA,
                key=KEY,
                format="csv",
                source="test",
                rejects=tmp_path / "rejects",
            )

    def test_the_rejects_file_must_not_be_the_file_to_import(self, connection: Connection, tmp_path: Path) -> None:
        path = tmp_path / "people.csv"
        path.write_text("external_id\nA1\n")
        with pytest.raises(InvalidInput, match="another rejects file"):
            import_contacts(connection, path, schema=SCHEMA, key=KEY, format="csv", source="test", rejects=path)
        assert path.read_text() == "external_id\nA1\n"

    @pytest.mark.parametrize(
        ("column", "value", "why"),
        [
            ("external_id", " ", "is missing"),
            ("external_id", "x" * 256, "more than 255"),
            ("external_id", "erased:00", "reserved"),
            ("email", "nobody", "not a mail address"),
            ("email", "a@b@mail.example", "not a mail address"),
            ("email", "a b@mail.example", "not a mail address"),
            ("locale", "english", "not a locale"),
            ("time_zone", "Europe/Atlantis", "not a time zone"),
            ("loyalty_points", "1.5", "whole number"),
            ("loyalty_points", "9" * 30, "18 digits"),
            ("lifetime_value", "NaN", "not a number"),
            ("lifetime_value", "1e5", "not a number"),
            ("lifetime_value", '"1,50"', "not a number"),
            ("vip", "yes", "neither true nor false"),
            ("birthday", "2026-02-30", "not a date that exists"),
            ("birthday", "01.02.1980", "not a date like"),
            ("last_seen", "2026-01-01T00:00:00", "with Z or an offset"),
            ("last_seen", "0001-01-01T00:00:00+14:00", "exists"),
            ("first_name", "a\x07b", "control character"),
            ("first_name", "x" * 5_000, "more than 4096"),
        ],
    )
    def test_a_bad_value_costs_its_row_only_and_the_reason_names_the_column_but_not_the_value(
        self, run: Import, connection: Connection, tmp_path: Path, column: str, value: str, why: str
    ) -> None:
        header = "external_id" if column == "external_id" else f"external_id,{column}"
        row = value if column == "external_id" else f"B1,{value}"
        empty = "" if column == "external_id" else ","
        result = run(f"{header}\nA1{empty}\n{row}\nC1{empty}\n")
        assert (result.read, result.created, result.reasons) == (3, 2, {"Invalid": 1})
        with (tmp_path / "rejects").open(newline="") as file:
            line, reason, message, _ = list(csv.reader(file))[1]
        assert (line, reason) == ("3", "Invalid")
        assert message.startswith(f"{column} ")
        assert why in message
        if value.strip() and column != "external_id":
            assert value not in message
        assert {row[0] for row in connection.execute("SELECT external_id FROM contact")} == {"A1", "C1"}

    @pytest.mark.parametrize(
        "row",
        [
            {"external_id": "B1", "attributes": {"vip": 1}},
            {"external_id": "B1", "attributes": {"loyalty_points": True}},
            {"external_id": "B1", "attributes": {"loyalty_points": 1.5}},
            {"external_id": "B1", "attributes": {"first_name": ["x"]}},
            {"external_id": "B1", "attributes": {"first_name": "a\ud800b"}},
            {"external_id": "B1", "attributes": {"first_name": "a\x00b"}},
            {"external_id": "B\x00", "attributes": {}},
            {"external_id": "B1", "attributes": []},
            {"external_id": "B1", "email": 7},
            {"external_id": True},
            {"external_id": "B1", "consents": {"shop": True}},
            {"external_id": "B1", "consents": [{"brand": "shop", "topic": "offers"}]},
            {"external_id": "B1", "consents": [{"brand": "shop", "topic": "other", "granted": True}]},
            {"external_id": "B1", "consents": [7]},
        ],
    )
    def test_json_of_another_type_than_declared_is_rejected(
        self, run: Import, connection: Connection, rejected: Callable[[], str], row: dict[str, Any]
    ) -> None:
        result = run([{"external_id": "A1"}, row, {"external_id": 17}])
        assert (result.created, result.reasons) == (2, {"Invalid": 1})
        assert json.loads(rejected())["line"] == 2

    def test_all_mistakes_of_a_row_are_told_at_once(self, run: Import, rejected: Callable[[], str]) -> None:
        run("external_id,email,locale,vip\nA1,x,y,z\n")
        assert "email is not a mail address; locale is not a locale like en or en-GB; vip is neither" in rejected()

    def test_the_rejects_file_is_for_its_owner_only_even_when_an_older_one_was_not(
        self, run: Import, tmp_path: Path
    ) -> None:
        path = tmp_path / "rejects"
        path.write_text("older")
        path.chmod(0o644)
        run("external_id,vip\nA1,maybe\n")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "older" not in path.read_text()

    def test_no_rejects_file_is_left_when_all_was_taken(self, run: Import, tmp_path: Path) -> None:
        run("external_id\nA1\n")
        assert not (tmp_path / "rejects").exists()

    def test_a_rejected_formula_is_not_run_by_the_spreadsheet_that_opens_the_rejects(
        self, run: Import, rejected: Callable[[], str]
    ) -> None:
        run("external_id,vip\n=cmd|calc,maybe\n")
        assert "'=cmd|calc" in rejected()


def test_imports_work_the_same_on_every_postgresql(any_connection: Connection, tmp_path: Path) -> None:
    data = (
        ALL_COLUMNS
        + "A1,a@mail.example,en,Europe/London,Ann,12,12.50,true,1980-02-29,2026-01-02T03:04:05Z,granted,,W\n"
    )
    results = [
        import_contacts(
            any_connection,
            io.BytesIO(data.encode()),
            schema=SCHEMA,
            key=KEY,
            format="csv",
            source="test",
            rejects=tmp_path / "rejects",
        )
        for _ in range(2)
    ]
    assert [(each.created, each.unchanged, each.consents_added) for each in results] == [(1, 0, 1), (0, 1, 0)]
