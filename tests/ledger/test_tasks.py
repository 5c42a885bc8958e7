"""Tasks: asked for once, done once, and the receipt is written with the work or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from herold.errors import NotFound, Temporary
from herold.ledger.counts import run_status
from herold.ledger.database import Connection, connect, one
from herold.ledger.installation import adopt
from herold.ledger.runs import change_run, start_run
from herold.ledger.tasks import exclusively, request_task, suspend_task, withdraw_tasks
from herold.processes.tasks import run_task
from herold.resources.resolved import ResolvedCampaign
from herold.settings import Settings
from parts.campaigns import TEAM, small_campaign
from parts.people import KEY, add_people

WHO = (TEAM, "hello", 1)


@pytest.fixture
def settings(tmp_path: Path, database: str, connection: Connection) -> Settings:
    """Of a process that does tasks: it knows the ledger and its key."""
    made = Settings(database_url=database, state_dir=tmp_path, single_node=True)
    (tmp_path / "key").write_bytes(KEY)
    adopt(connection, made, KEY)
    return made


def soon(**overrides: object) -> ResolvedCampaign:
    return small_campaign(campaign={"repeatPolicy": "Allow", **overrides})


def ask(connection: Connection, resolved: ResolvedCampaign) -> tuple[int, int]:
    return request_task(connection, "Build", resolved, digest=resolved.intent_digest(), actor="operator")


def test_the_same_request_is_one_row_and_one_run(connection: Connection, settings: Settings) -> None:
    add_people(connection, ["a@mail.example", "b@mail.example"])
    task, turn = ask(connection, soon())
    assert ask(connection, soon()) == (task, turn)
    outcome = run_task(settings, task)
    (run,) = run_status(connection)
    assert outcome == {"run": run.run_id, "planned": 2}
    assert run_task(settings, task) is None
    assert one(connection, "SELECT actor FROM audit WHERE action = 'StartRun'") == ("operator",)
    assert one(connection, "SELECT count(*), max(outcome ->> 'run'), bool_or(resolved IS NOT NULL) FROM task") == (
        *(1, str(run.run_id), False),
    )


def test_a_guard_that_says_no_is_an_outcome_and_may_be_asked_again(connection: Connection, settings: Settings) -> None:
    task, turn = ask(connection, soon())
    outcome = run_task(settings, task)
    assert outcome is not None
    assert outcome["refused"]["reason"] == "NobodyToReach"
    assert "herold plan" in outcome["refused"]["hint"]
    assert run_status(connection) == []
    add_people(connection, ["a@mail.example"])
    assert run_task(settings, task) is None
    assert ask(connection, soon()) == (task, turn + 1)
    assert one(connection, "SELECT outcome FROM task")[0] == outcome  # what was said stays until there is more to say
    assert "run" in (run_task(settings, task) or {})


def test_what_is_changed_or_taken_back_before_it_is_finished_is_never_started(
    connection: Connection, settings: Settings
) -> None:
    add_people(connection, ["a@mail.example"])
    task, turn = ask(connection, soon())
    edited = soon(audience={"segmentRefs": [{"name": "everybody"}], "maxRecipients": 7})
    assert ask(connection, edited) == (task, turn + 1)
    assert withdraw_tasks(connection, *WHO[:2], ("Build",)) == 1
    assert run_task(settings, task) is None
    assert run_status(connection) == []
    ask(connection, edited)
    run_task(settings, task)
    pinned = one(connection, "SELECT resolved #>> '{campaign,spec,audience,maxRecipients}' FROM run")
    assert pinned == ("7",)


@pytest.mark.parametrize("change", ["edited", "withdrawn", "suspended", "regressed"])
def test_what_happens_while_an_audience_is_built_counts(
    database: str, connection: Connection, settings: Settings, change: str
) -> None:
    add_people(connection, ["a@mail.example"])
    task, _ = ask(connection, soon())
    edited = soon(audience={"segmentRefs": [{"name": "everybody"}], "maxRecipients": 7})
    trouble: list[Exception] = []

    def build() -> None:
        try:
            run_task(settings, task)
        except Temporary as error:
            trouble.append(error)

    with connect(database, autocommit=False) as other:
        # The build comes as far as the rows of the audience, and waits there.
        other.execute("LOCK TABLE delivery IN SHARE MODE")
        builder = threading.Thread(target=build)
        builder.start()
        wait = "SELECT count(*) FROM pg_locks WHERE relation = 'herold.delivery'::regclass AND NOT granted"
        while one(connection, wait) == (0,):
            assert builder.is_alive()
        match change:
            case "edited":
                ask(connection, edited)
            case "withdrawn":
                withdraw_tasks(connection, *WHO[:2], ("Build",))
            case "suspended":
                assert suspend_task(connection, WHO, suspended=True)
            case _:
                connection.execute("UPDATE installation SET regressed_at = now(), regressed_why = 'test'")
        other.rollback()
    builder.join(30)
    runs = run_status(connection)
    if change in ("withdrawn", "regressed"):
        assert runs == []
        assert [str(error).partition(":")[0] for error in trouble] == ["the ledger went backwards"][
            : change == "regressed"
        ]
        return
    assert len(runs) == 1
    assert runs[0].suspended == (change == "suspended")
    most = one(connection, "SELECT resolved #>> '{campaign,spec,audience,maxRecipients}' FROM run")[0]
    assert (most == "7") == (change == "edited")
    assert not suspend_task(connection, WHO, suspended=False)


def test_a_run_that_somebody_started_by_hand_meanwhile_is_the_outcome(
    connection: Connection, settings: Settings
) -> None:
    add_people(connection, ["a@mail.example"])
    task, _ = ask(connection, soon())
    run = start_run(connection, soon(), key=KEY, actor="anna", at_once=True).run_id
    assert (run_task(settings, task) or {})["run"] == run
    assert len(run_status(connection)) == 1
    change_run(connection, run, "stop", actor="anna")
    ask(connection, soon())
    assert (run_task(settings, task) or {})["refused"]["reason"] == "AlreadyRan"


def test_two_processes_never_work_on_one_task(connection: Connection, database: str, settings: Settings) -> None:
    add_people(connection, ["a@mail.example"])
    task, _ = ask(connection, soon())
    with connect(database) as other:
        with exclusively(other, task), pytest.raises(Temporary, match="another process"):
            run_task(settings, task)
        assert "run" in (run_task(settings, task) or {})


def test_many_runs_are_built_side_by_side(connection: Connection, database: str) -> None:
    add_people(connection, ["a@mail.example"])
    start_run(connection, soon(), key=KEY, actor="test")
    with connect(database, autocommit=False) as other:
        start_run(other, small_campaign(name="first", campaign={"repeatPolicy": "Allow"}), key=KEY, actor="test")
        # The first one's transaction is still open: nobody waits for its end.
        connection.execute("SET lock_timeout = '1s'")
        second = start_run(
            connection, small_campaign(name="second", campaign={"repeatPolicy": "Allow"}), key=KEY, actor="test"
        )
        other.commit()
    assert len({run.run_id for run in run_status(connection)}) == 3
    assert second.run_id == max(run.run_id for run in run_status(connection))


def test_old_tasks_are_swept_and_one_that_is_unknown_is_named(connection: Connection, settings: Settings) -> None:
    task, _ = ask(connection, soon())
    run_task(settings, task)
    connection.execute("UPDATE task SET finished_at = now() - interval '8 days'")
    other = small_campaign(name="other")
    request_task(connection, "Build", other, digest=other.intent_digest(), actor="operator")
    assert connection.execute("SELECT name FROM task").fetchall() == [("other",)]
    with pytest.raises(NotFound, match=f"there is no task {task}"):
        run_task(settings, task)
