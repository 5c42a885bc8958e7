"""Wrong input of each kind: the words, the exit code, and a ledger without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.world import CANARY, World, hello
from herold.ledger.database import connect
from parts.people import add_people


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["status", "--frobnicate"],
        ["run", "hello"],
        ["hold", "domain", "slow.example", "--reason", "x", "--for", "two hours"],
        ["worker", "--slots", "0"],
        ["explain", "hello"],
        ["explain", "hello", "--contact", "1", "--external-id", "1"],
        ["deliveries", "hello", "--outcome", "lost"],
        ["contacts", "import", "people.xlsx", "--schema-from", ".", "--source", "x"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_told_before_anything_is_opened(bare: World, arguments: list[str]) -> None:
    said = bare.herold(*arguments)
    assert said.code == 2, said
    assert said.out == ""
    assert "Error:" in said.err
    assert not (bare.state / "postgresql").exists()


def test_all_wrong_settings_are_named_at_once(bare: World) -> None:
    bare.environ = {"HEROLD_LOG_LEVEL": "loud", "HEROLD_ENVIRONMENT": "moon", "HEROLD_DATABASE": "x"}
    said = bare.herold("status")
    assert said.code == 3
    assert all(name in said.err for name in bare.environ)
    assert not (bare.state / "postgresql").exists()


def test_every_mistake_of_every_file_is_named_and_nothing_starts(world: World) -> None:
    world.declare(hello())
    campaign = world.files / "Campaign-hello.yaml"
    campaign.write_text(campaign.read_text().replace("audience:", "audiance:"))
    template = world.files / "MessageTemplate-hello.yaml"
    template.write_text(template.read_text().replace("contact.first_name", "contact.frist_name"))
    (world.files / "broken.yaml").write_text("kind: [\n")
    before = world.trace()
    for arguments in (
        ["validate", str(world.files)],
        ["run", "hello", "--files", str(world.files), "--now", "--yes"],
        ["plan", "hello", "--files", str(world.files)],
        ["proof", "hello", "--files", str(world.files)],
    ):
        said = world.herold(*arguments)
        assert said.code == 3, said
        assert said.out == ""
        for words in ("Campaign-hello.yaml:", "audience", "MessageTemplate-hello.yaml:", "frist_name", "broken.yaml:"):
            assert words in said.err
    assert world.trace() == before


def test_mistakes_can_be_read_by_programs(bare: World) -> None:
    bare.declare(hello())
    schema = bare.files / "ContactSchema-customers.yaml"
    schema.write_text(schema.read_text().replace("String", "Strnig"))
    said = bare.herold("validate", str(bare.files), "-o", "json")
    assert said.code == 3
    assert said.json["valid"] is False
    assert said.json["mistakes"][0]["file"].endswith("ContactSchema-customers.yaml")
    assert said.json["mistakes"][0]["line"] > 0


def test_what_does_not_exist_is_told_with_what_was_meant(world: World) -> None:
    world.declare(hello())
    before = world.trace()
    for arguments, words in (
        (["run", "helo", "--files", str(world.files), "--now", "--yes"], "did you mean hello"),
        (["validate", "nowhere"], "nowhere: does not exist"),
        (["status", "helo"], "no run of helo"),
        (["suspend", "--run", "7"], "there is no run 7"),
        (["stop", "campaigns-shop/hello", "--yes"], "no run of campaigns-shop/hello"),
        (["hold", "release", "7"], "no active hold has the id 7"),
        (["hold", "campaign", "hello", "--reason", "x"], "namespace/hello"),
        (["hold", "domain", f"{CANARY}@mail.example", "--reason", "x"], "without what stands before the @"),
        (["plan", "hello", "--files", str(world.files), "--against", "HEAD"], "not a git repository"),
        (["contacts", "import", "no.csv", "--schema-from", str(world.files), "--source", "x"], "no.csv cannot be read"),
    ):
        said = world.herold(*arguments)
        assert said.code == 3, said
        assert words in said.err
        assert CANARY not in said.err
    said = world.process("worker", "--sender", "nobody")
    assert (said.code, "no run has used a sender nobody" in said.err) == (3, True)
    assert world.trace() == before


def test_an_import_with_a_misspelt_column_leaves_no_trace(world: World, tmp_path: Path) -> None:
    world.declare(hello())
    people = tmp_path / "people.csv"
    people.write_text(f"external_id,emial,fist_name\n1,{CANARY}@mail.example,Anna\n")
    before = world.trace()
    said = world.herold("contacts", "import", str(people), "--schema-from", str(world.files), "--source", "test")
    assert said.code == 3
    assert "emial" in said.err
    assert "fist_name" in said.err
    assert CANARY not in said.out + said.err
    assert world.trace() == before
    assert not (tmp_path / "people.csv.rejects").exists()


def test_too_many_recipients_are_refused_whole(world: World) -> None:
    resolved = hello(campaign={"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 2}})
    world.declare(resolved)
    with world.ledger() as connection:
        add_people(connection, [f"{CANARY}-{n}@mail.example" for n in range(3)])
    before = world.trace()
    said = world.herold("run", "hello", "--files", str(world.files), "--now", "--yes")
    assert said.code == 4
    assert "TooManyRecipients" in said.err
    assert world.trace() == before


def test_another_installation_and_another_environment_are_refused(world: World) -> None:
    for name, value, reason in (
        ("HEROLD_INSTALLATION", "other", "InstallationMismatch"),
        ("HEROLD_ENVIRONMENT", "prod", "EnvironmentMismatch"),
    ):
        world.environ = {name: value}
        for arguments in (["status"], ["worker"], ["hold", "everything", "--reason", "x"]):
            said = world.process(*arguments)
            assert said.code == 4, said
            assert reason in said.err


def test_a_ledger_that_does_not_answer_may_answer_later(bare: World) -> None:
    bare.database = f"host={bare.state} dbname=nothing user=nobody"
    said = bare.herold("status")
    assert said.code == 5
    assert "HEROLD_DATABASE_URL" in said.err


def test_a_ledger_that_went_backwards_stops_sending_until_a_person_accepts_it(world: World) -> None:
    (world.state / "fence.json").write_text('{"system": 1, "timeline": 1, "windows": 5}')
    world.declare(hello())
    for arguments in (["worker"], ["run", "hello", "--files", str(world.files), "--now", "--yes"], ["ledger", "check"]):
        said = world.process(*arguments)
        assert said.code == 4, said
        assert "LedgerRegressed" in said.err
    assert "nothing is sent" in world.must("status").err
    assert world.herold("ledger", "accept", "--reason", "tested").code == 4  # nobody confirmed
    world.must("ledger", "accept", "--reason", "tested", "--yes", "--actor", "anna")
    assert world.must("ledger", "check", "-o", "json").json["ok"] is True
    assert world.database is not None
    with connect(world.database) as connection:
        found = connection.execute("SELECT actor, action, detail->>'reason' FROM audit ORDER BY id DESC LIMIT 1")
        assert found.fetchone() == ("anna", "AcceptLedger", "tested")


def test_an_error_of_the_program_is_one_line_and_quotes_nobody(world: World) -> None:
    with world.ledger() as connection:
        connection.execute("DROP TABLE audit CASCADE")
        connection.execute("DROP VIEW run_counts")
    said = world.herold("status")
    assert said.code == 1
    assert "internal error" in said.err
    assert "HEROLD_LOG_LEVEL=debug" in said.err
