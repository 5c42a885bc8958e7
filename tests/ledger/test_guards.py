"""Whose ledger it is, whether it forgets, and whether it went backwards."""

from pathlib import Path

import pytest

from herold.errors import HeroldError, Refused
from herold.ledger.database import SCHEMA_VERSION, Connection, check_schema, migrate
from herold.ledger.fence import accept_ledger, check_fence, read_fence, regress, write_fence
from herold.ledger.installation import adopt, check_durability, check_owner, read_key
from herold.settings import Settings
from parts.campaigns import small_campaign
from parts.ledger import Hand
from parts.people import KEY, add_people


def settings(folder: Path, **changes: object) -> Settings:
    return Settings.model_validate({"state_dir": folder, **changes})


def test_a_ledger_belongs_to_one_installation_environment_and_key(tmp_path: Path, connection: Connection) -> None:
    own = settings(tmp_path)
    adopt(connection, own, KEY)
    check_owner(connection, own, KEY)
    with pytest.raises(Refused, match="InstallationMismatch"):
        adopt(connection, settings(tmp_path, installation="other"), KEY)
    with pytest.raises(Refused, match="EnvironmentMismatch"):
        adopt(connection, settings(tmp_path, environment="staging"), KEY)
    with pytest.raises(Refused, match="KeyMismatch"):
        check_owner(connection, own, b"y" * 64)


def test_the_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    own = settings(tmp_path)
    assert read_key(own) == read_key(own)
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("short")
    with pytest.raises(Refused, match="KeyTooShort"):
        read_key(settings(tmp_path))


def test_a_ledger_that_forgets_is_refused(tmp_path: Path, connection: Connection) -> None:
    check_durability(connection, settings(tmp_path))
    with pytest.raises(Refused, match="NoSynchronousStandby"):
        check_durability(connection, settings(tmp_path, database_url="host=elsewhere"))
    connection.execute("SET synchronous_commit = off")
    with pytest.raises(Refused, match="LedgerNotDurable"):
        check_durability(connection, settings(tmp_path))


def test_a_ledger_that_went_backwards_stops_all_claims_until_a_person_accepts(
    tmp_path: Path, database: str, connection: Connection
) -> None:
    from herold.ledger.runs import start_run

    fence = tmp_path / "fence.json"
    adopt(connection, settings(tmp_path), KEY)
    add_people(connection, ["a@mail.example"])
    start_run(connection, small_campaign(), key=KEY, actor="t", at_once=True)
    check_fence(connection, fence)
    now = read_fence(connection)
    write_fence(fence, type(now)(now.system, now.timeline, now.windows + 1000))
    with pytest.raises(Refused, match=r"LedgerRegressed.*1000"):
        check_fence(connection, fence)
    hand = Hand(database)
    assert "LedgerRegressed" in repr(hand.claim())
    accept_ledger(connection, fence, actor="anna", reason="restored on purpose")
    check_fence(connection, fence)
    assert hand.window().id > now.windows + 1000
    assert connection.execute("SELECT actor, action FROM audit WHERE action = 'AcceptLedger'").fetchall() == [
        ("anna", "AcceptLedger")
    ]


def test_who_looked_before_a_person_accepted_does_not_stop_the_ledger_again(
    tmp_path: Path, connection: Connection
) -> None:
    fence = tmp_path / "fence.json"
    adopt(connection, settings(tmp_path), KEY)
    before = read_fence(connection).accepted
    regress(connection, "seen before", before)
    with pytest.raises(Refused, match="seen before"):
        check_fence(connection, fence)
    accept_ledger(connection, fence, actor="anna", reason="looked")
    regress(connection, "seen before", before)
    check_fence(connection, fence)
    regress(connection, "seen since", read_fence(connection).accepted)
    with pytest.raises(Refused, match="seen since"):
        check_fence(connection, fence)


def test_another_cluster_is_not_the_one_that_was_mirrored(tmp_path: Path, connection: Connection) -> None:
    adopt(connection, settings(tmp_path), KEY)
    now = read_fence(connection)
    write_fence(tmp_path / "fence.json", type(now)(now.system + 1, now.timeline, 0))
    with pytest.raises(Refused, match="another PostgreSQL cluster"):
        check_fence(connection, tmp_path / "fence.json")


def test_a_schema_that_this_program_does_not_know_is_refused(connection: Connection) -> None:
    assert migrate(connection) == []
    connection.execute("INSERT INTO migration (version, name) VALUES (%s, 'next')", (SCHEMA_VERSION + 1,))
    check_schema(connection)
    connection.execute("INSERT INTO migration (version, name) VALUES (%s, 'later')", (SCHEMA_VERSION + 2,))
    with pytest.raises(HeroldError, match="upgrade this program"):
        check_schema(connection)


def test_consent_is_evidence_that_is_only_added(connection: Connection) -> None:
    (contact,) = add_people(connection, ["a@mail.example"])
    with pytest.raises(Exception, match="append-only"):
        connection.execute("UPDATE consent SET granted = false")
    add = "INSERT INTO consent (contact_id, subject, granted, at, source) VALUES (%s, 1, %s, now() + %s::interval, 't')"
    for granted, when, holds in ((False, "1 h", False), (True, "30 min", False), (True, "2 h", True)):
        connection.execute(add, (contact, granted, when))
        assert connection.execute("SELECT granted FROM consent_current").fetchone() == (holds,)
    assert connection.execute("SELECT count(*) FROM consent").fetchone() == (4,)
