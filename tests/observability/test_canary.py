"""Nobody's address, name or subject line is in a worker's log, whatever the relay answers, at any level."""

from __future__ import annotations

import json
from typing import Any

from chaos.rig import NAMESPACE, Rig, rig_on, wait_until
from parts.campaigns import small_campaign
from parts.hostile_relay import hostile_relay

PEOPLE = 27
LOCAL, NAME, SUBJECT = "quetzal", "Xiomara", "Yellowthroat"
CANARIES = (LOCAL, NAME.lower(), SUBJECT.lower(), "blocked", "spam", "@")


def prepare(world: Rig, port: int) -> Any:
    """People with a name of their own, and a campaign that greets them by it."""
    world.add_people(PEOPLE)
    world.connection.execute("UPDATE contact SET attributes = jsonb_build_object('first_name', %s || id)", (NAME,))
    addresses = [f"{LOCAL}{number}@mail.example" for number in range(1, PEOPLE + 1)]
    for number, address in enumerate(addresses, 1):
        world.connection.execute("UPDATE endpoint SET address = %s WHERE contact_id = %s", (address, number))
    text = "Hello {{ contact.first_name }}\n{{ unsubscribe_url }}\n"
    return small_campaign(
        port=port,
        sender={"retry": {"maxAttempts": 2, "firstDelay": "1s", "maxDelay": "1s"}},
        template={"contents": [{"locale": "en", "subject": f"{SUBJECT} {{{{ contact.first_name }}}}", "text": text}]},
    )


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_whole_run_over_a_relay_that_quotes_people_leaves_none_of_them_in_the_log(database: str) -> None:
    with hostile_relay() as relay, rig_on(database) as world:
        run_id = world.start(prepare(world, relay.port))
        worker = world.worker(slots=2, log_level="debug")
        status = world.wait_closed(run_id)
        world.terminate(worker)
        said, kept = world.said(), world.connection.execute("SELECT detail FROM outcome").fetchall()
    # The canaries were there to be caught: in what was sent, in what was answered, and in every kind of outcome.
    assert any(f"{SUBJECT} {NAME}" in text for text in relay.seen)
    assert status.failed > 0
    assert status.sent > 0
    found = lines(said)
    assert {line["kind"] for line in found if line["event"] == "not_sent"} >= {"failed", "deferred"}
    assert {line["event"] for line in found} >= {"started", "window", "route_fault", "run_closed", "stopped"}
    for canary in CANARIES:
        assert canary not in said.lower()
    assert kept
    assert not any("@" in (detail or "") or LOCAL in (detail or "").lower() for (detail,) in kept)


def test_a_refusal_for_good_that_quotes_a_person_is_logged_by_its_codes(database: str) -> None:
    with hostile_relay(for_good=True) as relay, rig_on(database) as world:
        run_id = world.start(prepare(world, relay.port))
        worker = world.worker(log_level="debug")
        wait_until(lambda: "route_fault" in world.said(), "a fault of the route")
        world.terminate(worker)
        said = world.said()
    fault = next(line for line in lines(said) if line["event"] == "route_fault")
    assert (fault["level"], fault["code"], fault["enhanced"], fault["permanent"]) == ("error", 550, "5.7.1", True)
    assert (fault["run"], fault["lane"] > 0, fault["window"] > 0) == (run_id, True, True)
    assert "detail" not in fault
    for canary in CANARIES:
        assert canary not in said.lower()
    assert NAMESPACE not in said
