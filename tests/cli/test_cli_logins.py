"""Commands as the logins of each role call them; and how logins are made."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cli.world import CANARY, World, addresses, hello
from herold.ledger.claims import Window
from herold.ledger.roles import BUILDER, CONTACTS, OPERATOR, READER, WORKER, Role
from herold.ledger.runs import start_run
from parts.ledger import Hand
from parts.logins import login, opened
from parts.people import KEY, add_people

SHOP = "campaigns-shop/hello"
PASSWORD = "correct-horse-battery"


@pytest.fixture
def running(world: World) -> World:
    """A run of five, of whom two got it."""
    world.declare(hello())
    with world.ledger() as owner:
        add_people(owner, addresses(5))
        start_run(owner, hello(), key=KEY, actor="test", at_once=True)
    assert world.database is not None
    hand = Hand(world.database)
    window = hand.window(limit=2)
    assert isinstance(window, Window)
    hand.record(window, "sent")
    return world


def files(world: World) -> tuple[str, str]:
    return "--files", str(world.files)


def schema(world: World) -> tuple[str, str]:
    return "--schema-from", str(world.files)


def people(world: World) -> str:
    path = world.folder / "more.csv"
    path.write_text(f"external_id,email,consent:shop:offers\nnew,{CANARY}-new@mail.example,granted\n")
    return str(path)


def commands(world: World) -> dict[str, tuple[tuple[str, ...], set[str]]]:
    """A command, and the roles whose logins may call it. The owner may call all."""
    return {
        "status": (("status", SHOP), {"builder", "operator", "reader"}),
        "hold": (("hold", "campaign", SHOP, "--reason", "t"), {"builder", "operator", "reader"}),
        "hold list": (("hold", "list"), {"builder", "operator", "reader"}),
        "release": (("hold", "release", "1"), {"operator"}),
        "suspend": (("suspend", SHOP), {"builder", "operator"}),
        "resume": (("resume", SHOP), {"builder", "operator"}),
        "lanes": (("lane", "list"), {"builder", "operator", "reader"}),
        "plan": (("plan", "hello", *files(world)), {"builder", "reader"}),
        "explain": (("explain", SHOP, "--contact", "1"), {"reader"}),
        "deliveries": (("deliveries", SHOP), {"reader"}),
        "addresses": (("deliveries", SHOP, "--addresses"), {"reader"}),
        "report": (("report", SHOP), {"reader"}),
        "import": (("contacts", "import", people(world), *schema(world), "--source", "t"), {"contacts"}),
        "export": (
            ("contacts", "export", *schema(world), "--to", str(world.folder / "all.jsonl")),
            {"contacts"},
        ),
        "erase": (("contacts", "erase", "--contact", "1", "--reason", "t", "--yes"), {"contacts"}),
        "stop": (("stop", SHOP, "--yes"), {"operator"}),
        "migrate": (("ledger", "migrate"), set()),
        "accept": (("ledger", "accept", "--reason", "t", "--yes"), set()),
        "grant": (("ledger", "grant", "someone", "--role", "reader", "--brand", "*"), set()),
        "check": (("ledger", "check"), {"operator", "reader", "worker"}),
    }


@pytest.mark.parametrize("role", [WORKER, BUILDER, OPERATOR, READER, CONTACTS], ids=lambda role: str(role.name))
def test_a_login_of_a_role_can_call_the_commands_of_its_work_and_is_told_when_it_cant(
    running: World, role: Role
) -> None:
    owner_url = running.database
    with running.ledger() as owner, login(owner, role) as url:
        for name, (words, roles) in commands(running).items():
            if name == "release" and role.name != "operator":
                running.database = owner_url
                running.must("hold", "everything", "--reason", "t")
            running.database = url
            said = running.herold(*words)
            if role.name in roles:
                assert said.code == 0, f"{name}: {said}"
            else:
                assert said.code == 4, f"{name}: {said}"
                assert "the ledger refuses this login: " in said.err, f"{name}: {said}"
                assert "database-roles.md" in said.err
                assert CANARY not in said.err
    running.database = owner_url


def test_a_login_without_a_role_is_told_so(world: World) -> None:
    with world.ledger() as owner, login(owner, READER, brands=()) as url:
        with opened(url) as reader:
            user = reader.info.user
        world.must("ledger", "grant", user, "--role", "reader", "--brand", "shop")
        told = world.must("ledger", "roles", "-o", "json").json
        assert {"name": user, "roles": ["reader"], "brands": ["shop"], "exists": True} in told["logins"]
        assert [each["present"] for each in told["roles"]] == [True] * 5
        world.must("ledger", "revoke", user)
        assert user not in world.must("ledger", "roles").out
        owner_url, world.database = world.database, url
        said = world.herold("status")
        world.database = owner_url
    assert (said.code, "permission denied for schema herold" in said.err) == (4, True)


def test_erasing_and_answering_takes_a_login_of_every_brand(running: World) -> None:
    with running.ledger() as owner, login(owner, CONTACTS, brands=("shop",)) as url:
        running.database = url
        for words in (
            ("erase", "--contact", "1", "--reason", "t", "--yes"),
            ("export", "--contact", "1", "--to", str(running.folder / "one.json")),
        ):
            said = running.herold("contacts", *words)
            assert (said.code, "BoundToBrands" in said.err) == (4, True), said
        imported = running.must("contacts", "import", people(running), *schema(running), "--source", "t", "-o", "json")
        assert (imported.json["created"], imported.json["consentsAdded"]) == (1, 1)


def test_an_import_for_another_brand_is_refused_whole(running: World) -> None:
    with running.ledger() as owner, login(owner, CONTACTS, brands=("travel",)) as url:
        running.database, before = url, running.trace()
        said = running.herold("contacts", "import", people(running), *schema(running), "--source", "t")
        assert (said.code, "row-level security" in said.err) == (4, True), said
        running.database = owner.info.dsn
        assert running.trace() == before


def test_a_login_is_made_from_a_password_file_that_nobody_sees(world: World, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    words = ("ledger", "grant", "shop_worker_1", "--role", "worker", "--brand", "shop")
    with world.ledger() as owner:
        try:
            said = world.must(*words, "--password-file", str(file))
            assert said.out == "shop_worker_1: herold_worker; brands: shop\n"
            again = world.must(*words[:-1], "*", "--brand", "shop", "--password-file", "-", given=PASSWORD)
            assert "brands: *, shop" in again.out
            row = owner.execute(
                "SELECT rolpassword, rolsuper FROM pg_authid WHERE rolname = 'shop_worker_1'"
            ).fetchone()
            assert row is not None
            assert row[0].startswith("SCRAM-SHA-256$4096:")
            assert PASSWORD not in said.out + said.err + again.out + again.err + row[0]
            assert row[1] is False
            # Another role and brand: what it had goes.
            world.must("ledger", "grant", "shop_worker_1", "--role", "reader", "--brand", "travel")
            assert _login(world, "shop_worker_1") == {"roles": ["reader"], "brands": ["travel"], "exists": True}
            kept = owner.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'shop_worker_1'").fetchone()
            assert kept is not None
            assert kept[0].startswith("SCRAM-SHA-256$4096:")
        finally:
            owner.execute("DROP OWNED BY shop_worker_1")
            owner.execute("DROP ROLE shop_worker_1")
            assert _login(world, "shop_worker_1") == {"roles": [], "brands": ["travel"], "exists": False}
            assert "no such login" in world.must("ledger", "roles").out
    short = world.herold(*words, "--password-file", "-", given="short")
    assert (short.code, "at least 12" in short.err) == (3, True)


def test_mistakes_in_names_are_all_told_and_who_sees_everything_is_not_bound(world: World) -> None:
    said = world.herold("ledger", "grant", "Shop'; --", "--role", "reader", "--brand", "Shop!", "--brand", "o k")
    assert said.code == 3
    assert "3 mistakes" in said.err
    with world.ledger() as owner:
        user = owner.info.user
    said = world.herold("ledger", "grant", user, "--role", "reader", "--brand", "shop")
    assert (said.code, "SeesEverything" in said.err) == (4, True)
    assert world.herold("ledger", "revoke", "nobody_here").code == 3


def test_an_owner_who_may_not_make_roles_binds_and_says_what_a_dba_must_run(world: World) -> None:
    """The owner of the schema is an ordinary user here, as most companies have it."""
    with world.ledger() as dba:
        name, database = "plain_owner_1", dba.info.dbname
        dba.execute(f"CREATE ROLE {name} LOGIN".encode())
        try:
            dba.execute(f"ALTER DATABASE {database} OWNER TO {name}".encode())
            dba.execute(_hand_over(dba, name).encode())
            world.database = make_conninfo(dba.info.dsn, user=name)
            said = world.herold(
                "ledger", "grant", "made_by_dba_1", "--role", "reader", "--brand", "shop", "--password-file", "-",
                given=PASSWORD,
            )  # fmt: skip
            assert said.code == 0, said
            assert "a DBA must run the rest" in said.err
            assert "SCRAM-SHA-256$" in said.out
            assert PASSWORD not in said.out + said.err
            dba.execute(said.out.encode())
            assert _login(world, "made_by_dba_1") == {"roles": ["reader"], "brands": ["shop"], "exists": True}
            with opened(make_conninfo(dba.info.dsn, user="made_by_dba_1")) as reader:
                assert reader.execute("SELECT count(*) FROM run").fetchone() == (0,)
        finally:
            world.database = dba.info.dsn
            dba.execute(f"REASSIGN OWNED BY {name} TO {dba.info.user}".encode())
            for each in ("made_by_dba_1", name):
                if dba.execute("SELECT FROM pg_roles WHERE rolname = %s", (each,)).fetchone() is not None:
                    dba.execute(f"DROP OWNED BY {each} CASCADE".encode())
                    dba.execute(f"DROP ROLE {each}".encode())


def _login(world: World, name: str) -> dict[str, object]:
    """What is told of a login. Logins are the server's: those of other databases are told too."""
    found = [each for each in world.must("ledger", "roles", "-o", "json").json["logins"] if each["name"] == name]
    assert len(found) == 1
    return {key: value for key, value in found[0].items() if key != "name"}


def _hand_over(dba: psycopg.Connection[tuple[object, ...]], name: str) -> str:
    """SQL that gives the schema and all in it to another owner."""
    rows = dba.execute(
        """SELECT format('ALTER TABLE herold.%%I OWNER TO %%I', relname, %(name)s::text) FROM pg_class
           WHERE relnamespace = 'herold'::regnamespace AND relkind IN ('r', 'p', 'v')
           UNION ALL SELECT format('ALTER FUNCTION %%s OWNER TO %%I', oid::regprocedure, %(name)s::text) FROM pg_proc
           WHERE pronamespace = 'herold'::regnamespace
           UNION ALL SELECT format('ALTER TYPE herold.%%I OWNER TO %%I', typname, %(name)s::text) FROM pg_type
           WHERE typnamespace = 'herold'::regnamespace AND typtype = 'e'""",
        {"name": name},
    ).fetchall()
    return ";".join([*(str(row[0]) for row in rows), f"ALTER SCHEMA herold OWNER TO {name}"])


def test_what_a_dba_runs_is_printed_without_a_ledger(world: World) -> None:
    world.database = "host=db.internal dbname=ledger user=company"
    said = world.must("ledger", "roles", "--sql")
    assert "CREATE ROLE %I NOLOGIN" in said.out
    assert 'REVOKE ALL ON DATABASE "ledger" FROM PUBLIC;' in said.out
    assert json.dumps(said.err) == '""'
