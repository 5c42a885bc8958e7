"""Proofs in the ledger: a seed gets what a proof shows once, whoever asks, and however many at a time."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from herold.ledger.database import Connection, connect
from herold.ledger.proofs import proof_outcomes, start_proof
from herold.ledger.runs import change_run
from herold.resources.resolved import Proof, ResolvedCampaign
from herold.resources.sender import Seed
from parts.campaigns import small_campaign
from parts.ledger import Hand
from parts.people import KEY

ANNA, JAN = (Seed(address=f"{name}@team.example", name=name) for name in ("anna", "jan"))


def shown(*seeds: Seed, intent: str = "1" * 64, reader: str = "everything known") -> ResolvedCampaign:
    attributes = {"first_name": "Ann", "points": 3}
    return small_campaign().as_proof(1, Proof(intent, "en", reader, attributes, seeds or (ANNA, JAN)))


def start(connection: Connection, resolved: ResolvedCampaign, *, again: bool = False) -> tuple[list[int], int | None]:
    return start_proof(connection, resolved, key=KEY, actor="t", again=again)


def close(database: str, connection: Connection, runs: list[int]) -> None:
    for run in runs:
        change_run(connection, run, "stop", actor="t")
    assert Hand(database).maintain() == runs


def test_two_who_ask_at_once_start_one_run(database: str) -> None:
    together = Barrier(4)

    def ask(_: int) -> tuple[list[int], int | None]:
        with connect(database) as connection:
            together.wait(30)
            return start(connection, shown())

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert len({tuple(runs) for runs, _ in answers}) == 1
    assert sum(started is not None for _, started in answers) == 1


def test_two_changes_of_one_campaign_never_take_each_others_run(database: str) -> None:
    together = Barrier(4)

    def ask(number: int) -> int | None:
        with connect(database) as connection:
            together.wait(30)
            return start(connection, shown(intent=str(number) * 64))[1]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert None not in answers
    assert len(set(answers)) == 4


def test_a_seed_that_came_later_gets_what_it_lacks_and_nobody_else_does(connection: Connection) -> None:
    first, _ = start(connection, shown(ANNA))
    runs, second = start(connection, shown(ANNA, JAN))
    assert runs == [*first, second]
    outcomes = proof_outcomes(connection, shown(ANNA, JAN), runs, key=KEY, started=second)
    assert [(each.seed, each.run_id, each.new) for each in outcomes] == [
        ("anna", first[0], False),
        ("jan", second, True),
    ]
    assert {each.state for each in outcomes} == {"waiting"}


def test_once_more_is_for_what_is_over(database: str, connection: Connection) -> None:
    first, _ = start(connection, shown())
    assert start(connection, shown(), again=True) == (first, None), "it is about to come"
    close(database, connection, first)
    assert start(connection, shown()) == (first, None)
    runs, second = start(connection, shown(), again=True)
    assert runs == [*first, second]
    assert start(connection, shown()) == (runs, None)


def test_another_reader_is_another_proof(connection: Connection) -> None:
    start(connection, shown())
    assert start(connection, shown(reader="hardly anything known"))[1] is not None


def test_a_run_keeps_what_its_proof_shows(connection: Connection) -> None:
    start(connection, shown())
    row = connection.execute("SELECT name, resolved FROM run").fetchone()
    assert row is not None
    assert row[0] == "hello~proof"
    kept = ResolvedCampaign.from_json(json.loads(json.dumps(row[1])))
    assert kept == shown()
    assert kept.sender == small_campaign().sender, "the sender's own row stays what the platform made it"
