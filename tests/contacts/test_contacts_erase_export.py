"""What is held about a person can be handed out whole, and can be made to go; the books stay."""

from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest

from herold.audience.addresses import address_hash
from herold.contacts.erasing import erase
from herold.contacts.exporting import SECTIONS, export_contact, export_contacts, export_to
from herold.contacts.finding import ContactId, ExternalId, MailAddress
from herold.contacts.importing import ImportResult, import_contacts
from herold.errors import InvalidInput, NotFound, Refused, Temporary
from herold.ledger.database import Connection, connect
from herold.resources.contact_schema import ContactSchema

KEY = b"k" * 32
CANARY = "canaryzx"  # in every personal datum of A1, and nowhere else
SCHEMA = ContactSchema.model_validate(
    {
        "metadata": {"name": "customers", "namespace": "shared"},
        "spec": {
            "attributes": [
                {"name": "first_name", "type": "String"},
                {"name": "loyalty_points", "type": "Integer"},
                {"name": "lifetime_value", "type": "Decimal"},
                {"name": "vip", "type": "Boolean"},
            ],
            "brands": ["shop"],
            "topics": [{"name": "offers"}, {"name": "news"}],
        },
    }
)
PEOPLE: list[dict[str, Any]] = [
    {
        "external_id": f"A1-{CANARY}",
        "email": f"{CANARY}@mail.example",
        "locale": "en",
        "time_zone": "Europe/London",
        "attributes": {"first_name": f'Ann \\ "{CANARY}"\n\tŁ 😀', "loyalty_points": -5, "lifetime_value": 12.5},
        "consents": [
            {"brand": "shop", "topic": "offers", "granted": False, "at": "2026-01-01T00:00:00Z"},
            {
                "brand": "shop",
                "topic": "offers",
                "granted": True,
                "at": "2026-02-01T00:00:00.123456Z",
                "wording": f"Yes, {CANARY}",
            },
            {"brand": "shop", "topic": "news", "granted": False, "at": "2026-02-01T00:00:00Z"},
        ],
    },
    {"external_id": "A2", "email": "a2@mail.example", "attributes": {"first_name": "=cmd|' /C calc'!A1", "vip": True}},
    {"external_id": "=A3", "attributes": {"first_name": "-2+3"}},
]


def put(connection: Connection, tmp_path: Path, data: bytes, form: Literal["csv", "jsonl"] = "jsonl") -> ImportResult:
    return import_contacts(
        connection, io.BytesIO(data), schema=SCHEMA, key=KEY, format=form, source="t", rejects=tmp_path / "rejects"
    )


@pytest.fixture
def ledger(any_connection: Connection, tmp_path: Path) -> Connection:
    """Three people; A1 with events, purchases, and a delivery with outcomes, one of which quotes the address."""
    connection = any_connection
    put(connection, tmp_path, "\n".join(json.dumps(each) for each in PEOPLE).encode())
    id_ = contact_id(connection)
    connection.execute(
        "INSERT INTO event VALUES (%s, 'page_view', now(), %s)", (id_, json.dumps({"path": f"/{CANARY}"}))
    )
    connection.execute("INSERT INTO purchase VALUES (%s, %s, now(), 12.50)", (id_, f"O-{CANARY}"))
    connection.execute(
        "INSERT INTO sender (namespace, name, spec, max_attempts, first_delay, max_delay) "
        "VALUES ('s', 's', '{}', 3, '1s', '1s')"
    )
    connection.execute(
        "INSERT INTO lane (sender_id, name, domains, per_second) SELECT id, 'default', '{}', 1 FROM sender"
    )
    connection.execute(
        "INSERT INTO run (id, namespace, name, occurrence, resolved, intent_digest, content_digest, sender_id, "
        "transactional, first_due_at, start_by, planned) "
        "SELECT new_run_id(), 'shop', 'spring-sale', 1, '{}', '', '', id, false, now(), now(), 1 FROM sender"
    )
    connection.execute(
        "INSERT INTO delivery SELECT run.id, 1, %s, %s, lane.id, 0 FROM run, lane",
        (id_, address_hash(KEY, f"{CANARY}@mail.example")),
    )
    for attempt, kind, detail in (
        (1, "deferred", f"451 try later <{CANARY}@mail.example>"),
        (2, "failed", f"TooManyAttempts: 451 <{CANARY}@mail.example>"),
        (3, "suppressed", "ConsentWithdrawn"),
    ):
        connection.execute(
            "INSERT INTO outcome (run_id, position, attempt, kind, code, detail) "
            "SELECT id, 1, %s, %s, 451, %s FROM run",
            (attempt, kind, detail),
        )
    return connection


def contact_id(connection: Connection, external_id: str = f"A1-{CANARY}") -> int:
    row = connection.execute("SELECT id FROM contact WHERE external_id = %s", (external_id,)).fetchone()
    assert row is not None
    return int(row[0])


def whole_ledger(connection: Connection) -> str:
    """Every value of every table, as text."""
    tables = connection.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE nspname = 'herold' AND relkind = 'r'"
    ).fetchall()
    return "\n".join(
        str(connection.execute(f"SELECT jsonb_agg(t) FROM {table} t".encode()).fetchone()) for (table,) in tables
    )


def exported(connection: Connection, form: Literal["csv", "jsonl"]) -> bytes:
    out = io.BytesIO()
    export_contacts(connection, out, format=form, schema=SCHEMA, actor="test")
    return out.getvalue()


class TestErasing:
    def test_no_personal_datum_is_left_anywhere(self, ledger: Connection) -> None:
        assert CANARY in whole_ledger(ledger)
        done = erase(ledger, ExternalId(f"A1-{CANARY}"), key=KEY, actor="dpo", reason="request 17")
        assert (done.already, done.events, done.purchases, done.outcomes, done.suppressed) == (False, 1, 1, 2, True)
        assert CANARY not in whole_ledger(ledger)

    def test_the_books_stay(self, ledger: Connection) -> None:
        id_ = contact_id(ledger)
        erase(ledger, ContactId(id_), key=KEY, actor="dpo", reason="request 17")
        row = ledger.execute("SELECT contact_id, address_hash FROM delivery").fetchone()
        assert row == (id_, address_hash(KEY, f"{CANARY}@mail.example"))
        outcomes = ledger.execute("SELECT kind, code, detail FROM outcome ORDER BY attempt").fetchall()
        assert outcomes == [
            ("deferred", 451, None),
            ("failed", 451, "TooManyAttempts"),
            ("suppressed", 451, "ConsentWithdrawn"),
        ]
        row = ledger.execute(
            "SELECT locale, time_zone, attributes, erased_at IS NOT NULL FROM contact WHERE id = %s", (id_,)
        ).fetchone()
        assert row == (None, None, {}, True)

    def test_that_consent_was_given_stays_provable_without_the_wording_and_nothing_is_granted_any_more(
        self, ledger: Connection
    ) -> None:
        id_ = contact_id(ledger)
        erase(ledger, ContactId(id_), key=KEY, actor="dpo", reason="request 17")
        log = ledger.execute(
            "SELECT s.topic, k.granted, k.source, k.wording FROM consent k JOIN consent_subject s ON s.id = k.subject "
            "WHERE contact_id = %s ORDER BY k.at, s.topic",
            (id_,),
        ).fetchall()
        assert log == [
            ("offers", False, "t", None),
            ("news", False, "t", None),
            ("offers", True, "t", None),
            ("offers", False, "erasure", None),
        ]
        assert ledger.execute("SELECT count(*) FROM consent_current WHERE granted").fetchone() == (0,)

    def test_the_deed_is_audited_with_its_reason(self, ledger: Connection) -> None:
        id_ = contact_id(ledger)
        erase(ledger, MailAddress(f" {CANARY.upper()}@Mail.Example"), key=KEY, actor="dpo", reason="request 17")
        row = ledger.execute("SELECT actor, target, detail FROM audit WHERE action = 'EraseContact'").fetchone()
        assert row == ("dpo", f"contact {id_}", {"reason": "request 17", "suppressed": True})

    def test_erasing_twice_changes_nothing_the_second_time(self, ledger: Connection) -> None:
        erase(ledger, ExternalId(f"A1-{CANARY}"), key=KEY, actor="dpo", reason="request 17")
        before = whole_ledger(ledger)
        assert erase(ledger, ExternalId(f"A1-{CANARY}"), key=KEY, actor="dpo", reason="again").already
        assert whole_ledger(ledger) == before

    def test_an_import_does_not_bring_an_erased_person_back(self, ledger: Connection, tmp_path: Path) -> None:
        erase(ledger, ExternalId(f"A1-{CANARY}"), key=KEY, actor="dpo", reason="request 17")
        before = whole_ledger(ledger)
        result = put(ledger, tmp_path, json.dumps(PEOPLE[0]).encode())
        assert (result.created, result.rejected, result.reasons) == (0, 1, {"Erased": 1})
        assert whole_ledger(ledger) == before
        assert CANARY not in (tmp_path / "rejects").read_text()

    def test_their_address_under_another_id_stays_suppressed(self, ledger: Connection, tmp_path: Path) -> None:
        erase(ledger, ExternalId(f"A1-{CANARY}"), key=KEY, actor="dpo", reason="request 17")
        put(ledger, tmp_path, json.dumps({"external_id": "B9", "email": f"{CANARY}@mail.example"}).encode())
        row = ledger.execute("SELECT s.reason FROM endpoint JOIN suppression s USING (address_hash)").fetchone()
        assert row == ("Erased",)

    def test_without_suppression_no_trace_of_the_address_is_added(self, ledger: Connection) -> None:
        id_ = contact_id(ledger)
        assert not erase(ledger, ContactId(id_), key=KEY, actor="dpo", reason="r", suppress=False).suppressed
        assert ledger.execute("SELECT count(*) FROM suppression").fetchone() == (0,)

    def test_a_suppression_that_was_there_stays_with_its_reason(self, ledger: Connection) -> None:
        ledger.execute(
            "INSERT INTO suppression (address_hash, reason, source) VALUES (%s, 'HardBounce', 'x')",
            (address_hash(KEY, f"{CANARY}@mail.example"),),
        )
        done = erase(ledger, ContactId(contact_id(ledger)), key=KEY, actor="dpo", reason="r", suppress=False)
        assert done.suppressed
        assert ledger.execute("SELECT reason FROM suppression").fetchall() == [("HardBounce",)]

    def test_an_address_of_two_people_is_refused_and_names_their_ids(self, ledger: Connection, tmp_path: Path) -> None:
        put(ledger, tmp_path, json.dumps({"external_id": "B9", "email": "a2@mail.example"}).encode())
        with pytest.raises(Refused) as refusal:
            erase(ledger, MailAddress("a2@mail.example"), key=KEY, actor="dpo", reason="r")
        assert refusal.value.reason == "AmbiguousAddress"
        assert str(contact_id(ledger, "B9")) in (refusal.value.hint or "")
        assert "a2@" not in str(refusal.value)

    @pytest.mark.parametrize("who", [ContactId(10**9), ExternalId("nobody"), MailAddress("nobody@mail.example")])
    def test_nobody_is_not_found_and_not_repeated(
        self, ledger: Connection, who: ContactId | ExternalId | MailAddress
    ) -> None:
        with pytest.raises(NotFound) as error:
            erase(ledger, who, key=KEY, actor="dpo", reason="r")
        assert "nobody@" not in str(error.value)
        with pytest.raises(InvalidInput):
            erase(ledger, MailAddress("no address"), key=KEY, actor="dpo", reason="r")

    def test_it_waits_its_turn_and_says_so_when_an_import_does_not_end(
        self, ledger: Connection, any_database: str
    ) -> None:
        other = connect(any_database)
        with other.transaction():
            other.execute("SELECT pg_advisory_xact_lock(hashtext('herold.contacts'))")
            ledger.execute("SET lock_timeout = '100ms'")
            with pytest.raises(Temporary):
                erase(ledger, ExternalId("A2"), key=KEY, actor="dpo", reason="r")
        other.close()
        assert not erase(ledger, ExternalId("A2"), key=KEY, actor="dpo", reason="r").already

    def test_the_log_of_consents_still_refuses_to_be_changed(self, ledger: Connection) -> None:
        with pytest.raises(psycopg.errors.RaiseException):
            ledger.execute("UPDATE consent SET granted = true")


class TestExportingOne:
    def test_everything_that_is_held_is_in_it(self, ledger: Connection) -> None:
        out = io.BytesIO()
        id_ = export_contact(ledger, MailAddress(f"{CANARY}@mail.example"), out, key=KEY, actor="dpo")
        held = json.loads(out.getvalue())
        assert list(held) == ["contact", *SECTIONS]
        assert held["contact"]["id"] == id_
        assert held["contact"]["attributes"] == PEOPLE[0]["attributes"]
        assert held["endpoints"] == [{"channel": "Email", "address": f"{CANARY}@mail.example"}]
        assert [(each["topic"], each["granted"]) for each in held["consents"]] == [
            ("offers", False),
            ("news", False),
            ("offers", True),
        ]
        assert held["consents"][2]["wording"] == f"Yes, {CANARY}"
        assert held["events"][0]["properties"] == {"path": f"/{CANARY}"}
        assert held["purchases"][0]["amount"] == "12.5"
        delivery = held["deliveries"][0]
        assert (delivery["campaign"], delivery["position"]) == ("spring-sale", 1)
        assert [each["kind"] for each in delivery["outcomes"]] == ["deferred", "failed", "suppressed"]

    def test_nothing_of_other_people_is_in_it(self, ledger: Connection) -> None:
        out = io.BytesIO()
        export_contact(ledger, ExternalId("A2"), out, key=KEY, actor="dpo")
        assert CANARY not in out.getvalue().decode()
        assert json.loads(out.getvalue())["deliveries"] == []

    def test_the_reading_is_audited_without_saying_who_was_read(self, ledger: Connection) -> None:
        id_ = export_contact(ledger, ExternalId("A2"), io.BytesIO(), key=KEY, actor="dpo")
        row = ledger.execute("SELECT actor, target FROM audit WHERE action = 'ExportContact'").fetchone()
        assert row == ("dpo", f"contact {id_}")


class TestExportingAll:
    def test_json_lines_imported_again_change_nothing(self, ledger: Connection, tmp_path: Path) -> None:
        data = exported(ledger, "jsonl")
        people = [json.loads(line) for line in data.splitlines()]
        assert [each["external_id"] for each in people] == [f"A1-{CANARY}", "A2", "=A3"]
        assert people[0]["attributes"] == PEOPLE[0]["attributes"]
        result = put(ledger, tmp_path, data)
        assert (result.unchanged, result.consents_added, result.consents_refused) == (3, 0, 0)

    def test_json_lines_make_the_same_people_in_an_empty_ledger(
        self, ledger: Connection, connection: Connection, tmp_path: Path
    ) -> None:
        data = exported(ledger, "jsonl")
        assert put(connection, tmp_path, data).created == 3
        assert exported(connection, "jsonl") == data

    def test_no_cell_of_the_table_is_a_formula_and_it_reads_back_exactly(
        self, ledger: Connection, tmp_path: Path
    ) -> None:
        data = exported(ledger, "csv")
        rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        assert [row["first_name"][:2] for row in rows[1:]] == ["'=", "'-"]
        assert rows[2]["external_id"] == "'=A3"
        assert rows[0]["loyalty_points"] == "-5"
        assert (rows[0]["consent:shop:offers"], rows[0]["consent:shop:news"]) == ("granted", "withdrawn")
        assert rows[1]["vip"] == "true"
        result = put(ledger, tmp_path, data, "csv")
        assert (result.unchanged, result.rejected, result.consents_added) == (3, 0, 0)

    def test_the_erased_and_the_teams_own_inboxes_are_left_out(self, ledger: Connection) -> None:
        erase(ledger, ExternalId(f"A1-{CANARY}"), key=KEY, actor="dpo", reason="r")
        ledger.execute("UPDATE contact SET seed = true WHERE external_id = 'A2'")
        assert [json.loads(line)["external_id"] for line in exported(ledger, "jsonl").splitlines()] == ["=A3"]

    def test_an_empty_ledger_gives_the_names_of_the_columns(self, connection: Connection) -> None:
        assert exported(connection, "jsonl") == b""
        assert exported(connection, "csv").decode().startswith("external_id,email,locale,time_zone,first_name,")

    def test_an_export_file_is_for_its_owner_only_and_overwrites_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "people.jsonl"
        with export_to(path) as out:
            out.write(b"x")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(FileExistsError):
            export_to(path)
