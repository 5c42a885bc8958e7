"""`herold proof`: real workers, a real ledger, a real relay; who was mailed is the relay's word."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from cli.world import CANARY, DEADLINE, World, addresses
from herold.demo.mailbox import read_mailbox
from herold.ledger.roles import BUILDER, READER
from herold.message.identity import parse_token, parse_verp
from herold.resources.resolved import ResolvedCampaign
from parts.campaigns import small_campaign
from parts.logins import login
from parts.name_server import name_server_of_a_pod
from parts.people import KEY, add_people
from parts.smtp_sink import SmtpSink, smtp_sink
from planning.repository import Repository, started

NAME = "campaigns-shop/hello"
# What others read of a seed is its name, and never this.
ANNA, BERND = f"{CANARY}-anna@team.example", f"{CANARY}-bernd@team.example"
SEEDS = [{"address": ANNA, "name": "anna", "locale": "en"}, {"address": BERND, "locale": "pl"}]
VIP = "{% if contact.vip == true %}Dear VIP{% else %}Dear all{% endif %}\n"
NEWS = "{% if contact.first_name == 'Otto' %}Otto!{% endif %}\n"


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SmtpSink]:
    with smtp_sink(tmp_path / "accepted.log", "--mailbox", str(tmp_path / "inbox")) as running:
        yield running


def campaign(sink: SmtpSink, **overrides: Any) -> ResolvedCampaign:
    """In two languages, with two branches in each and one more in English."""
    text = "Hello {{ contact.first_name }}\n{{ unsubscribe_url }}\n" + VIP
    template = {
        "attributeDefaults": [{"name": "first_name", "default": "friend"}, {"name": "vip", "default": "false"}],
        "contents": [
            {"locale": "en", "subject": "Hello", "text": text + NEWS},
            {"locale": "pl", "subject": "Cześć {{ contact.first_name }}", "text": text},
        ],
    }
    sender = {"seeds": SEEDS, **overrides.pop("sender", {})}
    return small_campaign(port=sink.port, sender=sender, template=template, **overrides)


@pytest.fixture
def declared(world: World, sink: SmtpSink) -> World:
    """Real people, who must get nothing, are there too; one of them has a seed's address."""
    world.declare(campaign(sink))
    with world.ledger() as connection:
        add_people(connection, [*addresses(3), ANNA])
        name = json.dumps({"first_name": f"{CANARY}-real", "vip": True})
        connection.execute("UPDATE contact SET attributes = %s", (name,))
    return world


def proof(world: World, *arguments: str) -> tuple[str, ...]:
    return ("proof", "hello", "--files", str(world.files), "--workers", "1", "--within", "1m", *arguments)


def recipients(sink: SmtpSink) -> Counter[str]:
    return Counter(recipient for _, recipient in sink.accepted())


def letters(folder: Path) -> list[tuple[str, EmailMessage]]:
    """(recipient, message) as the relay got them."""
    return [(to, message_from_bytes(content, policy=default)) for to, content in read_mailbox(folder / "inbox")]


def words(message: EmailMessage) -> str:
    return str(message.get_content())


def test_each_language_and_each_branch_comes_to_the_seeds_and_to_nobody_else(
    declared: World, sink: SmtpSink, tmp_path: Path
) -> None:
    said = declared.must(*proof(declared))
    assert recipients(sink) == {ANNA: 3, BERND: 2}
    sent = letters(tmp_path)
    polish = [words(message) for to, message in sent if to == BERND]
    assert sorted("Dear VIP" in text for text in polish) == [False, True]
    english = [words(message) for to, message in sent if to == ANNA]
    assert sum("Otto!" in text for text in english) == 1
    assert {"Dear VIP" in text for text in english} == {True, False}
    assert all(CANARY not in words(message) for _, message in sent), "a proof is to somebody made up"
    assert "5 sent" in said.out


def test_a_proof_says_that_it_is_one_and_unsubscribes_nobody(declared: World, sink: SmtpSink, tmp_path: Path) -> None:
    digest = declared.must(*proof(declared, "-o", "json")).json["campaigns"][0]["intentDigest"]
    for _, message in letters(tmp_path):
        assert message["Subject"].startswith("[Proof] ")
        told = "".join(message["X-Herold-Proof"].split())
        assert told.startswith(f"{NAME};locale=")
        assert told.endswith(f";intent=sha256:{digest}")
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        link = message["List-Unsubscribe"].strip("<>")
        assert link in words(message)
        assert parse_token(KEY, link.rpartition("/")[2]) is None
    assert {message["Subject"] for _, message in letters(tmp_path)} >= {"[Proof] Hello", "[Proof] Cześć Zażółć"}
    # A bounce is still known as what it is.
    assert all(parse_verp(KEY, mail_from) is not None for *_, mail_from in sink.lines())


def test_what_a_seed_has_it_does_not_get_again_unless_it_is_asked_for(declared: World, sink: SmtpSink) -> None:
    declared.must(*proof(declared))
    again = declared.must(*proof(declared))
    assert sum(recipients(sink).values()) == 5
    assert "all of them by an earlier proof" in again.out
    declared.must(*proof(declared, "--again"))
    assert recipients(sink) == {ANNA: 6, BERND: 4}


def test_a_changed_message_is_proven_anew_and_a_new_seed_gets_what_it_lacks(declared: World, sink: SmtpSink) -> None:
    declared.must(*proof(declared))
    template = declared.files / "MessageTemplate-hello.yaml"
    template.write_text(template.read_text().replace("Dear all", "Dear everybody"))
    declared.must(*proof(declared))
    assert recipients(sink) == {ANNA: 6, BERND: 4}


def test_the_campaign_itself_stays_as_it_is(declared: World, sink: SmtpSink) -> None:
    declared.must(*proof(declared))
    declared.must("run", "hello", "--files", str(declared.files), "--now", "--yes", "--workers", "1")
    assert recipients(sink) == {ANNA: 4, BERND: 2, **dict.fromkeys(addresses(3), 1)}


def test_what_is_held_waits_and_the_same_command_goes_on(declared: World, sink: SmtpSink) -> None:
    declared.must("hold", "everything", "--reason", "wait")
    said = declared.herold(*proof(declared, "--within", "1s"))
    assert (said.code, sink.accepted()) == (5, [])
    assert "5 waiting" in said.out
    assert "the same command goes on" in said.err
    declared.must("hold", "release", "1")
    declared.must(*proof(declared, "--again"))
    assert recipients(sink) == {ANNA: 3, BERND: 2}, "what is about to come is not asked for again"


def test_killed_on_the_way_it_goes_on_and_nobody_gets_anything_twice(declared: World, sink: SmtpSink) -> None:
    watch = sink.control.watch("rcpt", 2)
    running = declared.start(*proof(declared))
    sink.control.wait_hit(DEADLINE)
    # The command and its worker: nobody is left to finish anything.
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    for pid in (running.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
    running.communicate(timeout=DEADLINE)
    sink.control.release(watch)
    assert sum(recipients(sink).values()) < 5
    declared.must(*proof(declared))
    assert recipients(sink) == {ANNA: 3, BERND: 2}


def test_interrupted_it_finishes_what_it_has_in_hand_and_the_same_command_goes_on(
    declared: World, sink: SmtpSink
) -> None:
    declared.declare(campaign(sink, per_second="1"))
    watch = sink.control.watch("dot", 2)
    running = declared.start(*proof(declared))
    sink.control.wait_hit(DEADLINE)
    running.send_signal(signal.SIGINT)
    sink.control.release(watch)
    out, err = running.communicate(timeout=DEADLINE)
    assert running.returncode == 130, err
    assert "waiting" in out
    assert "uncertain:" not in out
    declared.declare(campaign(sink))  # at full speed; the pace is no part of the intent
    declared.must(*proof(declared))
    assert recipients(sink) == {ANNA: 3, BERND: 2}


def test_seeds_are_called_by_their_names(declared: World, sink: SmtpSink) -> None:
    for format_ in ("table", "json", "markdown"):
        said = declared.must(*proof(declared, "-o", format_))
        assert "anna" in said.out
        assert "seed-2" in said.out
        assert CANARY not in said.out + said.err
    assert CANARY not in (declared.state / "worker.log").read_text()


def test_everything_that_is_in_the_way_is_named_at_once_and_nothing_is_sent(
    world: World, sink: SmtpSink, tmp_path: Path
) -> None:
    seeds = [*SEEDS, {"address": "somebody@customers.com"}]
    resolved = campaign(sink, sender={"seeds": seeds})
    world.declare(resolved)
    template = world.files / "MessageTemplate-hello.yaml"
    template.write_text(template.read_text().replace("Dear VIP", "{% for i in range(100000) %}x{% endfor %}"))
    before = world.trace()
    said = world.herold(*proof(world, "-o", "markdown", "--output", "comment.md"))
    assert said.code == 3
    assert "SenderProfile-shop-newsletter.yaml" in said.err
    assert "spec.seeds[2].address: this sender may not reach it" in said.err
    assert "more steps than a message may" in said.err
    told = (tmp_path / "comment.md").read_text()
    assert "Nothing was sent" in told
    assert "customers" not in told.replace("ContactSchema", "")
    assert (world.trace(), sink.accepted()) == (before, [])


def test_a_sender_without_seeds_can_not_prove_anything(world: World, sink: SmtpSink) -> None:
    world.declare(campaign(sink, sender={"seeds": []}))
    before = world.trace()
    said = world.herold(*proof(world))
    assert said.code == 3
    assert "SenderProfile-shop-newsletter.yaml" in said.err
    assert "add spec.seeds" in said.err
    assert world.trace() == before


def test_a_relay_that_is_away_is_said_before_anything_begins(declared: World, sink: SmtpSink) -> None:
    profile = declared.files / "SenderProfile-shop-newsletter.yaml"
    profile.write_text(profile.read_text().replace(f"port: {sink.port}", "port: 1"))
    before = declared.trace()
    said = declared.herold(*proof(declared))
    assert said.code == 5
    assert "127.0.0.1:1" in said.err
    assert declared.trace() == before, "a lane that pauses would stop the mail of others"


def test_a_relay_is_not_asked_for_what_is_there_already(declared: World, sink: SmtpSink) -> None:
    declared.must(*proof(declared))
    sink.process.kill()
    assert "all of them by an earlier proof" in declared.must(*proof(declared)).out


def test_a_key_that_is_not_published_is_said_with_the_proof_which_is_sent_all_the_same(
    declared: World, sink: SmtpSink, tmp_path: Path
) -> None:
    signs = {"domain": "shop.internal", **declared.give_dkim_key()}
    declared.declare(campaign(sink, sender={"dkim": [signs]}))
    with name_server_of_a_pod(tmp_path) as (_, begin):
        command = [*begin, sys.executable, "-m", "herold.cli", *proof(declared)]
        done = subprocess.run(
            command, env=declared.settings(), cwd=declared.folder, capture_output=True, text=True, timeout=DEADLINE
        )
    assert done.returncode == 0, done
    assert "\nwarning: s1._domainkey.shop.internal: no TXT record is there" in done.stdout
    assert recipients(sink) == {ANNA: 3, BERND: 2}


def test_what_no_inbox_takes_is_a_failure(world: World, tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "accepted.log", "--fault", f"5.1.1={BERND.partition('@')[0]}") as sink:
        world.declare(campaign(sink))
        said = world.herold(*proof(world))
        assert recipients(sink) == {ANNA: 3}
    assert said.code == 4
    assert "failed: seed-2" in said.out
    assert "taken by no inbox" in said.err


def test_without_a_ledger_of_its_own_it_uses_that_of_this_machine(bare: World, sink: SmtpSink) -> None:
    bare.declare(campaign(sink))
    bare.must("proof", "hello", "--files", str(bare.files))
    bare.must("proof", "hello", "--files", str(bare.files))
    assert recipients(sink) == {ANNA: 3, BERND: 2}


def test_with_a_ledger_that_is_named_the_platforms_workers_send(declared: World, sink: SmtpSink) -> None:
    """Whoever asks for it needs neither the relay nor more rights than to start runs and to look at them."""
    command = ("proof", "hello", "--files", str(declared.files))
    owners = declared.database
    worker = subprocess.Popen([sys.executable, "-m", "herold.cli", "worker"], env=declared.settings())
    try:
        with declared.ledger() as owner, login(owner, BUILDER, READER) as url:
            declared.must("hold", "everything", "--reason", "wait")
            declared.database = url
            waiting = declared.herold(*command, "--within", "1s")
            assert (waiting.code, sink.accepted()) == (5, [])
            declared.database = owners
            declared.must("hold", "release", "1")
            declared.database = url
            declared.must(*command, "--within", "1m")
            declared.database = owners
    finally:
        worker.terminate()
        worker.wait(DEADLINE)
    assert recipients(sink) == {ANNA: 3, BERND: 2}


def test_a_campaign_that_is_a_proof_itself_is_left_to_its_own_run(world: World, sink: SmtpSink) -> None:
    world.declare(campaign(sink, campaign={"mode": "Proof"}))
    said = world.herold(*proof(world))
    assert (said.code, "IsProof" in said.err) == (4, True)


# A branch ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(bare: World, sink: SmtpSink) -> Repository:
    """The folder of the world is a checkout; its sender has the seeds and the relay."""
    made = started(bare.folder)
    made.edit("test/shared/sender.yaml", {"seeds": SEEDS, "route": {"port": sink.port}})
    made.base = made.commit()
    return made


def changed(bare: World, repository: Repository, *arguments: str, code: int = 0) -> str:
    """What it says of all that the branch did, committed here."""
    repository.commit()
    said = bare.herold("proof", "--changed", f"{repository.base}..HEAD", *arguments)
    assert said.code == code, said
    assert CANARY not in said.out + said.err
    return said.out + said.err


def test_all_that_a_branch_adds_edits_or_hits_is_proven(bare: World, repository: Repository, sink: SmtpSink) -> None:
    template = repository.objects["test/shop/template.yaml"]["spec"]["contents"]
    repository.edit("test/shop/template.yaml", {"contents": [{**template[0], "text": "Something else\n"}]})
    told = changed(bare, repository, "-o", "markdown")
    assert f"{NAME} (test)" in told
    assert recipients(sink) == {ANNA: 1, BERND: 1}
    changed(bare, repository, "-o", "markdown")
    assert recipients(sink) == {ANNA: 1, BERND: 1}


def test_a_branch_without_campaigns_proves_nothing(bare: World, repository: Repository, sink: SmtpSink) -> None:
    repository.remove("test/shop/hello.yaml")
    assert "Nothing to prove" in changed(bare, repository)
    assert not (bare.state / "postgresql").exists()


def test_who_is_mailed_and_over_which_relay_is_what_the_base_says(
    bare: World, repository: Repository, sink: SmtpSink, tmp_path: Path
) -> None:
    victim = "victim@customers.example"
    with smtp_sink(tmp_path / "foreign.log") as foreign:
        change = {
            "seeds": [{"address": victim}],
            "allow": {"addresses": [victim]},
            "route": {"port": foreign.port},
            "from": {"address": "boss@shop.example"},
        }
        repository.edit("test/shared/sender.yaml", change)
        told = changed(bare, repository)
        assert foreign.accepted() == []
    assert recipients(sink) == {ANNA: 1, BERND: 1}
    assert "as SenderProfile campaigns-shared/shop-newsletter is in the base" in told
    assert {message["From"] for _, message in letters(tmp_path)} == {"The Shop <news@shop.example>"}


def test_a_sender_that_the_branch_brings_proves_nothing_yet(
    bare: World, repository: Repository, sink: SmtpSink
) -> None:
    sender = repository.objects["test/shared/sender.yaml"]
    mine = {**sender, "metadata": {**sender["metadata"], "name": "mine"}}
    repository.write("test/shared/mine.yaml", mine)
    repository.edit("test/shop/hello.yaml", {"message": {"senderRef": {"name": "mine"}}})
    told = changed(bare, repository, code=3)
    assert "merge the SenderProfile first" in told
    assert sink.accepted() == []


def test_mistakes_of_a_branch_are_all_named_and_nothing_is_sent(
    bare: World, repository: Repository, sink: SmtpSink
) -> None:
    repository.edit("test/shop/hello.yaml", {"audience": {"segmentRefs": [{"name": "nobodys"}]}})
    repository.write("test/shop/broken.yaml", "kind: [\n")
    told = changed(bare, repository, "-o", "markdown", "--output", "comment.md", code=3)
    comment = (bare.folder / "comment.md").read_text()
    for words_ in ("nobodys", "broken.yaml"):
        assert words_ in told
        assert words_ in comment
    assert sink.accepted() == []


def test_what_is_of_another_environment_is_left_to_its_own_proof(
    bare: World, repository: Repository, sink: SmtpSink
) -> None:
    for name, content in list(repository.objects.items()):
        repository.write(name.replace("test/", "prod/"), content)
    assert "1 campaign of prod: with HEROLD_ENVIRONMENT=prod" in changed(bare, repository)
    assert sink.accepted() == []


@pytest.mark.parametrize(
    "arguments", [(), ("hello",), ("hello", "--changed", "a..b"), ("hello", "-f", ".", "--within", "0s")]
)
def test_what_does_not_go_together_is_said(bare: World, arguments: tuple[str, ...]) -> None:
    assert bare.herold("proof", *arguments).code == 2
