"""From an empty folder to a report, as somebody new does it: no database is named, the embedded one is the ledger."""

from __future__ import annotations

from pathlib import Path

from cli.world import CANARY, World, hello
from herold.processes.embedded import embedded
from parts.smtp_sink import smtp_sink

SHOP = "campaigns-shop/hello"
HEADER = "external_id,email,locale,time_zone,first_name,consent:shop:offers"


def customers(folder: Path) -> Path:
    """Five people: two get it, one each has no consent, the same address, a locale without content."""
    rows = (
        f"1,{CANARY}-anna@mail.example,en,Europe/London,Anna,granted",
        f"2,{CANARY}-jan@post.example,pl,Europe/Warsaw,Jan,granted",
        f"3,{CANARY}-eve@mail.example,en,Europe/London,Eve,withdrawn",
        f"4,{CANARY}-jan@post.example,pl,Europe/Warsaw,Jan,granted",
        f"5,{CANARY}-not-an-address,en,Europe/London,Bad,granted",
    )
    path = folder / "customers.csv"
    path.write_text("\n".join((HEADER, *rows)) + "\n")
    return path


def test_the_whole_way_on_the_embedded_ledger(bare: World, tmp_path: Path) -> None:
    world = bare
    # Kept running between the commands, which saves its start each time.
    with smtp_sink(tmp_path / "accepted.log") as sink, embedded(world.state / "postgresql"):
        world.declare(hello(sink.port))
        files = ("--files", str(world.files))
        assert "no mistakes" in world.must("validate", str(world.files)).out

        imported = world.must(
            "contacts", "import", str(customers(tmp_path)), "--schema-from", str(world.files), "--source", "test",
            "-o", "json",
        )  # fmt: skip
        assert (imported.json["created"], imported.json["rejected"]) == (4, 1)
        assert CANARY not in imported.out + imported.err
        assert CANARY in (tmp_path / "customers.csv.rejects").read_text()

        page = tmp_path / "plan.html"
        world.must("plan", "hello", *files, "-o", "html", "--output", str(page))
        plan = world.must("plan", "hello", *files, "-o", "json").json
        assert plan["size"] == 2
        assert {each["reason"]: each["people"] for each in plan["leftOut"]} == {"NoConsent": 1, "DuplicateAddress": 1}
        assert CANARY not in page.read_text()

        world.must("run", "hello", *files, "--now", "--yes", "--workers", "1")
        reached = {recipient for _, recipient in sink.accepted()}
        assert reached == {f"{CANARY}-anna@mail.example", f"{CANARY}-jan@post.example"}

        listed = world.must("deliveries", SHOP, "-o", "json")
        assert [(row["state"], row["attempts"]) for row in listed.json] == [("sent", 1), ("sent", 1)]
        assert CANARY not in listed.out
        shown = world.must("deliveries", "hello", "--addresses", "--limit", "1")
        assert CANARY in shown.out
        assert world.must("deliveries", "hello", "--outcome", "uncertain", "-o", "json").json == []

        for who, words in (
            (("--external-id", "1"), "the relay accepted the message at"),
            (("--external-id", "3"), "The person has not agreed to this topic"),
            (("--external-id", "4"), "has the same address and got the message there"),
        ):
            told = world.must("explain", "hello", *who)
            assert words in told.out
            assert CANARY not in told.out + told.err
        by_address = world.must("explain", "hello", "--address-stdin", given=f" {CANARY}-ANNA@mail.example \n")
        assert "the relay accepted the message at" in by_address.out
        stranger = world.herold("explain", "hello", "--address-stdin", given=f"{CANARY}-nobody@mail.example\n")
        assert stranger.code == 3
        assert CANARY not in stranger.out + stranger.err

        report = tmp_path / "report.html"
        world.must("report", "hello", "--output", str(report))
        assert CANARY not in report.read_text()
        assert world.must("report", "hello", "-o", "json").json["outcomes"]["sent"] == 2
        assert "2" in world.must("report", "hello").out

        one = tmp_path / "one.json"
        world.must("contacts", "export", "--external-id", "1", "--to", str(one))
        assert f"{CANARY}-anna@mail.example" in one.read_text()
        assert one.stat().st_mode & 0o077 == 0
        again = world.herold("contacts", "export", "--external-id", "1", "--to", str(one))
        assert again.code == 4
        everybody = world.must("contacts", "export", "--schema-from", str(world.files))
        assert len(everybody.out.splitlines()) == 4

        unasked = world.herold("contacts", "erase", "--external-id", "1", "--reason", "asked for")
        assert unasked.code == 4
        world.must("contacts", "erase", "--external-id", "1", "--reason", "asked for", "--yes")
        assert f"{CANARY}-anna" not in world.must("contacts", "export", "--schema-from", str(world.files)).out
        assert world.must("status", SHOP, "-o", "json").json["sent"] == 2

        checked = world.must("ledger", "check", "-o", "json")
        assert checked.json["ok"] is True
    assert CANARY not in (world.state / "worker.log").read_text()
