"""Holds as people type them; plans against another revision."""

from __future__ import annotations

import subprocess

from cli.world import World, addresses, hello
from parts.people import add_people


def test_every_scope_can_be_held_listed_and_released(world: World) -> None:
    for arguments in (
        ["everything"],
        ["team", "campaigns-shop"],
        ["sender", "campaigns-shared/shop-newsletter"],
        ["domain", "Slow.Example", "--for", "2h"],
        ["campaign", "campaigns-shop/hello"],
    ):
        said = world.must("hold", *arguments, "--reason", "to see", "--actor", "anna")
        assert "is held" in said.out
    listed = world.must("hold", "list", "-o", "json").json
    assert [(each["scope"], each["target"]) for each in listed] == [
        ("Everything", ""),
        ("Team", "campaigns-shop"),
        ("Sender", "campaigns-shared/shop-newsletter"),
        ("Domain", "slow.example"),
        ("Campaign", "campaigns-shop/hello"),
    ]
    assert {(each["reason"], each["actor"]) for each in listed} == {("to see", "anna")}
    assert [each["expiresAt"] is not None for each in listed] == [False, False, False, True, False]
    table = world.must("hold", "list").out
    assert "slow.example" in table
    assert "\x1b" not in table
    for each in listed:
        world.must("hold", "release", str(each["id"]))
    assert world.must("hold", "list", "-o", "json").json == []


def test_a_hold_on_what_nobody_knows_yet_says_so(world: World) -> None:
    said = world.must("hold", "campaign", "campaigns-shop/helo", "--reason", "typing")
    assert "does not know this campaign yet" in said.err


def test_a_plan_tells_the_change_against_another_revision_and_fails_for_violations(world: World) -> None:
    with world.ledger() as connection:
        add_people(connection, addresses(3))
    world.declare(hello())
    identity = ("-c", "user.name=t", "-c", "user.email=t@shop.example", "-c", "commit.gpgsign=false")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", *identity, *arguments], cwd=world.folder, check=True)
    world.declare(hello(campaign={"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 2}}))
    before = world.trace()
    said = world.herold("plan", "hello", "-f", "campaigns", "--against", "HEAD", "-o", "json")
    assert said.code == 3
    assert said.json["against"]["existed"] is True
    assert "TooManyRecipients" in {each["reason"] for each in said.json["violations"]}
    assert world.trace() == before
