"""A relay that answers every way there is. What it took is known from its log, what it did from its own counts."""

from __future__ import annotations

import pytest

from chaos.rig import rig_on, wait_until
from herold.demo.sink_faults import Faults, parse_fault

pytestmark = pytest.mark.chaos

SENDER = {"retry": {"firstDelay": "1s", "maxDelay": "2s"}}
SEED = 7
# What a relay took, or may have taken, without a reply that says so.
UNCLEAR = ("drop-accepted", "garbage-accepted", "drop-text")
MIXED = ("421", "451", "452", "454", "5.1.1", "garbage", "552", "text-421", "text-451", *UNCLEAR)


def options(kinds: tuple[str, ...], share: float) -> tuple[str, ...]:
    return ("--seed", str(SEED), *(word for kind in kinds for word in ("--fault", f"{kind}:{share}")))


def chosen(addresses: list[str], kinds: tuple[str, ...], share: float) -> dict[str, str | None]:
    """Which fault the sink has for whom; it draws by hash."""
    faults = Faults([parse_fault(f"{kind}:{share}") for kind in kinds], SEED)
    return {address: faults.choose(address.encode()) for address in addresses}


def test_all_faults_mixed_lose_nothing_and_repeat_nothing(database: str) -> None:
    with rig_on(database, 1500, sink=options(MIXED, 0.01)) as world:
        fault = chosen(world.addresses, MIXED, 0.01)
        run_id = world.start(world.campaign(sender=SENDER))
        for _ in range(2):
            world.worker(slots=2)
        world.wait_closed(run_id, 120)
        verdict = world.verdict(run_id)
        struck = world.sink.control.counts()["faults"]
        status = world.status(run_id)
        kinds: dict[str, str] = dict(
            world.connection.execute(
                "SELECT e.address, o.kind::text FROM outcome o JOIN delivery d USING (run_id, position) "
                "JOIN endpoint e USING (contact_id) WHERE o.kind IN ('failed', 'uncertain')"
            ).fetchall()
        )
        suppressed = world.connection.execute(
            "SELECT e.address FROM suppression s JOIN endpoint e USING (address_hash)"
        ).fetchall()
        attempts = world.connection.execute(
            "SELECT DISTINCT e.address FROM outcome o JOIN delivery d USING (run_id, position) "
            "JOIN endpoint e USING (contact_id) WHERE o.kind = 'deferred'"
        ).fetchall()
    assert set(struck) == set(MIXED), "every kind was met"
    assert verdict.is_clean, verdict
    # Exactly those: the relay knows how often it kept silent about what it took.
    assert len(verdict.uncertain) == sum(struck[kind] for kind in UNCLEAR) == status.uncertain
    assert {fault[address] for address in verdict.uncertain} == set(UNCLEAR)
    failed = {address for address, kind in kinds.items() if kind == "failed"}
    assert failed == {address for address, kind in fault.items() if kind in ("5.1.1", "552")}
    assert {row[0] for row in suppressed} == {address for address, kind in fault.items() if kind == "5.1.1"}
    # Only a recipient's own 4xx costs an attempt: 421 and 454 don't.
    assert {fault[row[0]] for row in attempts} <= {"451", "452", "text-451"}
    assert verdict.accepted == 1500 - len(failed) - struck["drop-text"]


@pytest.mark.parametrize(
    ("kind", "code", "least", "most"), [("421", 421, 0, 5), ("454", 454, 0, 5), ("5.7.1", 550, 600, 900)]
)
def test_what_is_the_routes_fault_pauses_the_lane_and_costs_no_attempt(
    database: str, kind: str, code: int, least: float, most: float
) -> None:
    with rig_on(database, 20, sink=("--fault", f"{kind}=user1")) as world:
        run_id = world.start(world.campaign(sender=SENDER))
        world.worker()
        wait_until(
            lambda: world.connection.execute("SELECT 1 FROM lane WHERE pause_reason IS NOT NULL").fetchone(),
            "the lane is paused",
            every=0.005,
        )
        lane = world.connection.execute(
            "SELECT extract(epoch FROM paused_until - clock_timestamp())::float8, pause_reason FROM lane"
        ).fetchone()
        assert lane is not None
        assert least <= lane[0] <= most
        assert str(code) in lane[1]
        assert world.connection.execute("SELECT count(*) FROM outcome WHERE kind = 'deferred'").fetchone() == (0,)
        world.connection.execute("UPDATE lane SET paused_until = NULL")  # somebody has set the route right
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
        first = world.connection.execute("SELECT max(attempt) FROM outcome").fetchone()
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain, first) == (20, [], (1,))


def test_a_relay_that_falls_silent_is_given_up_after_two_minutes(database: str) -> None:
    # One in each of the two first windows, so that both silences pass at the same time.
    with rig_on(database, 400, sink=("--fault", "stall=user3", "--fault", "stall-accepted=user230")) as world:
        run_id = world.start(world.campaign(sender=SENDER))
        world.worker(slots=2)
        world.wait_closed(run_id, 300)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert verdict.accepted == 400
    assert verdict.uncertain == ["user230@mail.example"]


def test_a_relay_that_dies_and_comes_back_costs_only_what_was_under_way(database: str) -> None:
    with rig_on(database, 2000, sink=("--accept-rate", "1000")) as world:
        run_id = world.start(world.campaign(sender=SENDER))
        for _ in range(2):
            world.worker(slots=2)
        for number in range(200, 1800, 400):
            stop = world.sink.control.watch("dot", number)
            world.sink.control.wait_hit()
            world.sink.control.drop(stop)
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (len(verdict.uncertain), verdict.accepted) == (4, 1996)
