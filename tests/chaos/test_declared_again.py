"""What happens to the declaration of a campaign while it runs, and after: nobody gets anything twice for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chaos.rig import NAMESPACE, Rig, rig_on, wait_until
from herold.demo.mailbox import read_mailbox
from herold.errors import Refused
from herold.ledger.holds import active_holds, release
from herold.ledger.runs import Started, start_run
from herold.resources.resolved import ResolvedCampaign

pytestmark = pytest.mark.chaos

EDITED = {
    "contents": [{"locale": "en", "subject": "EDITED", "text": "EDITED {{ contact.first_name }} {{ unsubscribe_url }}"}]
}


@contextmanager
def sending(database: str, people: int = 1500) -> Iterator[tuple[Rig, int]]:
    """A campaign in the middle of its run."""
    with rig_on(database, people, sink=("--accept-rate", "500")) as world:
        run_id = world.start(world.campaign())
        for _ in range(2):
            world.worker(slots=2)
        world.wait_accepted(200)
        yield world, run_id


def declare(world: Rig, resolved: ResolvedCampaign) -> Started:
    return start_run(world.connection, resolved, key=world.key, actor="test", at_once=True)


def test_a_campaign_that_was_deleted_and_applied_again_goes_on_where_it_was(database: str) -> None:
    with sending(database) as (world, run_id):
        again = declare(world, world.campaign())
        assert (again.run_id, again.new, again.frozen_changed) == (run_id, False, ())
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (1500, [])


def test_edits_while_it_runs_are_reported_and_never_obeyed(
    database: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mailbox = tmp_path_factory.mktemp("mail") / "mailbox"
    with rig_on(database, 800, sink=("--accept-rate", "400", "--mailbox", str(mailbox))) as world:
        run_id = world.start(world.campaign())
        world.worker()
        world.wait_accepted(100)
        edited = declare(world, world.campaign(template=EDITED))
        assert edited.run_id == run_id
        assert any(path.startswith("template") for path in edited.frozen_changed), edited.frozen_changed
        # A worker that begins after the edit has nothing but the ledger to go by.
        world.kill(world.holder(run_id))
        world.worker()
        world.wait_closed(run_id)
        texts = [content for _, content in read_mailbox(mailbox)]
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert len(texts) == verdict.accepted
    assert not [text for text in texts if b"EDITED" in text]


@pytest.mark.parametrize("changes", [{}, {"template": EDITED}], ids=["unchanged", "edited"])
def test_a_campaign_that_ran_sends_to_nobody(database: str, changes: dict[str, Any]) -> None:
    with sending(database, 500) as (world, run_id):
        world.wait_closed(run_id)
        with pytest.raises(Refused, match="ran already"):
            declare(world, world.campaign(**changes))
        assert world.connection.execute("SELECT count(*) FROM run").fetchone() == (1,)
        assert sorted(world.accepted()) == sorted(world.addresses)


def test_a_copy_under_another_name_waits_for_a_person(database: str) -> None:
    with sending(database, 600) as (world, run_id):
        copy = declare(world, world.campaign("renamed"))
        assert copy.held is not None
        assert "LooksLikeRepeat" in copy.held
        world.wait_closed(run_id)
        # The workers are idle and look for work: what is held stays.
        wait_until(lambda: world.connection.execute("SELECT count(*) FROM send_window").fetchone() == (0,), "all idle")
        status = world.status(copy.run_id)
        assert (status.waiting, status.state, status.summary) == (600, "Open", "Held")
        assert world.accepted("renamed") == []
        (held,) = active_holds(world.connection)
        assert (held.scope, held.target) == ("Campaign", f"{NAMESPACE}/renamed")
        release(world.connection, held.id, actor="test")
        world.wait_closed(copy.run_id)
        verdict = world.verdict(copy.run_id, "renamed")
    assert verdict.is_clean, verdict
    assert verdict.accepted == 600


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"installation": "another"}, "belongs to the installation"),
        ({"environment": "staging"}, "belongs to 'test'"),
        ({"state_dir": "another"}, "another installation key"),
    ],
    ids=["two installations", "staging on a copy of production", "another key"],
)
def test_a_process_that_the_ledger_does_not_belong_to_sends_nothing(
    database: str, setting: dict[str, Any], says: str
) -> None:
    with rig_on(database, 20) as world:
        if "state_dir" in setting:
            setting = {"state_dir": str(world.state / setting["state_dir"])}
        run_id = world.start(world.campaign())
        stranger = world.worker(**setting)
        assert stranger.wait(30) == 4
        world.crew.remove(stranger)
        assert says in world.said()
        assert world.accepted() == []
        assert world.status(run_id).waiting == 20
