"""What is uncertain: a transactional message is sent again under its own Message-ID, a marketing message never."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from chaos.rig import rig_on
from herold.demo.mailbox import read_mailbox

pytestmark = pytest.mark.chaos


def parsed(mailbox: Path) -> list[tuple[str, Message]]:
    """(recipient, message) of all that came."""
    return [(to, message_from_bytes(content)) for to, content in read_mailbox(mailbox)]


@pytest.mark.parametrize("event", ["dot", "reply"])
def test_a_transactional_message_that_is_uncertain_goes_again_with_its_message_id(
    database: str, tmp_path_factory: pytest.TempPathFactory, event: str
) -> None:
    mailbox = tmp_path_factory.mktemp("mail") / "mailbox"
    with rig_on(database, 30, sink=("--mailbox", str(mailbox))) as world:
        run_id = world.start(world.campaign(campaign={"messageClass": "Transactional"}))
        stop = world.sink.control.watch(event, 10)
        victim = world.worker()
        hit = world.sink.control.wait_hit()
        world.kill(victim)
        world.sink.control.drop(stop)
        world.worker()
        status = world.wait_closed(run_id)
        accepted = world.accepted()
        mails = [message["Message-ID"] for to, message in parsed(mailbox) if to == hit.recipient]
    assert set(accepted) == set(world.addresses)
    # Only the one whose fate nobody could know; if the relay had it, it has it twice, and can tell by its id.
    assert len(accepted) == 30 + (event == "reply")
    assert len(mails) == 1 + (event == "reply")
    assert len(set(mails)) == 1
    assert (status.sent, status.uncertain) == (30, 0)


def test_a_marketing_message_that_is_uncertain_never_goes_again(database: str) -> None:
    with rig_on(database, 30) as world:
        run_id = world.start(world.campaign())
        for number in (5, 10):
            stop = world.sink.control.watch("reply", number)
            victim = world.worker()
            world.sink.control.wait_hit()
            world.kill(victim)
            world.sink.control.drop(stop)
        world.worker()
        status = world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, status.sent, status.uncertain) == (30, 28, 2)
