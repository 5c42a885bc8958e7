"""Notices reach whoever is to have them: in order, again until they are taken, and nobody waits for somebody else."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from herold.journal import Journal
from herold.ledger.database import Connection, one
from herold.ledger.installation import adopt
from herold.ledger.notices import OF_EACH_AT_A_LOOK, Notice, look_at_notices, put_notices
from herold.ledger.roles import OPERATOR
from herold.settings import Settings
from herold_operator.courier import FILES_SECONDS, FIRST_PAUSE, LONGEST_PAUSE, Courier, pause_after
from herold_operator.health import Health
from herold_operator.ledger import Ledger
from herold_operator.receivers import Receivers
from herold_operator.shares import AT_ONCE, AT_ONCE_EACH, AT_ONCE_FAILING, Shares
from parts.kubernetes import wait_for
from parts.logins import login
from parts.people import KEY
from parts.webhook_receiver import FakeReceiver, webhook_receiver

SHOP, CLUB = "campaigns-shop", "campaigns-club"
HELD = "campaign.held"


@dataclass
class PostOffice:
    """A courier at work, its receivers' files, its log, and how often it asked the ledger."""

    connection: Connection
    url: str
    folder: Path
    state: Path
    health: Health = field(default_factory=Health)
    log: io.StringIO = field(default_factory=io.StringIO)
    asked: int = 0
    courier: Courier | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def declare(self, namespace: str, content: object) -> None:
        fresh = self.folder / f".{namespace}"
        fresh.write_text(json.dumps(content))
        fresh.replace(self.folder / f"{namespace}.json")

    def write(self, *numbers: int, namespace: str = SHOP, name: str = "sale") -> None:
        """Have notices told, as a visit does: `numbers` are in their ids."""
        row = self.connection.execute(
            "SELECT facts FROM told WHERE (namespace, name) = (%s, %s)", (namespace, name)
        ).fetchone()
        made = [
            Notice(
                f"msg_{name}{number}",
                "campaign.held",
                json.dumps({"type": "campaign.held", "text": f"<{number}> & @all"}),
            )
            for number in numbers
        ]
        assert put_notices(self.connection, namespace, name, row[0] if row else None, {"turn": numbers[-1]}, made)
        if self.courier is not None and self.loop is not None:
            self.loop.call_soon_threadsafe(self.courier.wake)

    def outcomes(self, name: str = "sale") -> list[tuple[str, str | None]]:
        return self.connection.execute(
            "SELECT id, outcome FROM notice WHERE name = %s ORDER BY seq", (name,)
        ).fetchall()

    def lines(self, event: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in found if line["event"] == event]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """A courier works meanwhile, as in an operator."""
        settings = Settings(database_url=self.url, state_dir=self.state, single_node=True)
        ready, over = threading.Event(), threading.Event()

        def count() -> None:
            self.asked += 1

        async def work() -> None:
            ledger = Ledger(settings, before=count)
            journal = Journal("operator", "debug", self.log)
            self.courier = Courier(ledger, Receivers(self.folder, journal), journal, self.health)
            self.loop = asyncio.get_running_loop()
            ready.set()
            task = asyncio.create_task(self.courier.serve())
            ended = asyncio.create_task(asyncio.to_thread(over.wait))
            await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
            assert not task.done(), task.result()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            ledger.close()

        failed: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(work())
            except BaseException as error:
                failed.append(error)
                ready.set()

        thread = threading.Thread(target=run)
        thread.start()
        ready.wait(20)
        try:
            yield
        finally:
            over.set()
            thread.join(30)
            self.courier = self.loop = None
        assert failed == []


@pytest.fixture
def office(connection: Connection, tmp_path: Path) -> Iterator[PostOffice]:
    state = tmp_path / "state"
    state.mkdir()
    (state / "key").write_bytes(KEY)
    adopt(connection, Settings(state_dir=state), KEY)
    folder = tmp_path / "herold-webhooks"
    folder.mkdir()
    with login(connection, OPERATOR) as url:
        yield PostOffice(connection, url, folder, state)


@pytest.fixture
def shop() -> Iterator[FakeReceiver]:
    with webhook_receiver() as made:
        yield made


@pytest.fixture
def club() -> Iterator[FakeReceiver]:
    with webhook_receiver() as made:
        yield made


def fail_first(*statuses: int) -> Any:
    """Answers with these, one after the other, then with 200."""
    left = list(statuses)
    return lambda post: left.pop(0) if left else 200


def ids(receiver: FakeReceiver) -> list[str]:
    return [each.number for each in receiver.posts]


def test_where_nobody_is_to_be_told_files_are_looked_at_every_few_seconds_and_nothing_else_is_done(
    office: PostOffice,
) -> None:
    looks = 0

    class Counting(Receivers):
        def refresh(self) -> bool:
            nonlocal looks
            looks += 1
            return super().refresh()

    async def work() -> None:
        journal = Journal("operator", "debug", office.log)
        ledger = Ledger(Settings(database_url=office.url, state_dir=office.state, single_node=True))
        courier = Courier(ledger, Counting(office.folder, journal), journal, office.health)
        courier.wake()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(courier.serve(), FILES_SECONDS / 10)
        ledger.close()

    asyncio.run(work())
    assert 0 < looks <= 3


def test_what_fails_comes_again_with_the_same_id_and_the_next_waits_for_it(
    office: PostOffice, shop: FakeReceiver
) -> None:
    office.declare(SHOP, shop.file)
    shop.answer = fail_first(500)
    office.write(1, 2, 3)
    with office.at_work():
        wait_for("three", lambda: len(shop.told()) == 3)
        wait_for("receipts", lambda: {each[1] for each in office.outcomes()} == {"Delivered"})
    assert ids(shop) == ["msg_sale1", "msg_sale1", "msg_sale2", "msg_sale3"]
    assert shop.posts[0].raw == shop.posts[1].raw
    first, again = (int(each.headers["webhook-timestamp"]) for each in shop.posts[:2])
    assert again > first
    assert [line["status"] for line in office.lines("notice_failed")] == [500]
    assert shop.refused == []


def test_campaigns_do_not_wait_for_each_other(office: PostOffice, shop: FakeReceiver) -> None:
    office.declare(SHOP, shop.file)
    shop.answer = lambda post: 500 if "sale" in post.number else 200
    office.write(1, name="sale")
    office.write(1, 2, name="news")
    with office.at_work():
        wait_for("the other's", lambda: {each[1] for each in office.outcomes("news")} == {"Delivered"})
    assert office.outcomes() == [("msg_sale1", None)]


def test_a_team_whose_receiver_never_answers_holds_up_no_other_team(
    office: PostOffice, shop: FakeReceiver, club: FakeReceiver
) -> None:
    office.declare(SHOP, shop.file)
    office.declare("default", club.file)
    shop.answer = lambda post: 0
    for number in range(OF_EACH_AT_A_LOOK + 10):
        office.write(1, name=f"sale{number}")
    with office.at_work():
        wait_for("the slow one to be asked", lambda: len(shop.posts) == 2)
        office.write(*range(1, 6), namespace=CLUB, name="news")
        wait_for("the other team's", lambda: len(club.told()) == 5)
        assert len(shop.posts) == 2  # of one team no more at once
        shop.answer = lambda post: 200
        shop.go_on.set()


def test_however_much_waits_for_one_team_a_look_sees_the_others(office: PostOffice) -> None:
    for number in range(OF_EACH_AT_A_LOOK + 10):
        office.write(1, 2, name=f"sale{number}")
    office.write(1, namespace=CLUB, name="news")
    waiting = look_at_notices(office.connection, None).waiting
    assert len(waiting) == OF_EACH_AT_A_LOOK + 1
    assert [each.name for each in waiting[:2]] == ["sale0", "news"]
    assert {each.id[-1] for each in waiting} == {"1"}  # each campaign's first
    assert look_at_notices(office.connection, [CLUB]).waiting == (waiting[1],)


def test_teams_that_take_nothing_leave_room_for_those_that_do() -> None:
    shares = Shares()
    dead = [f"dead{number}" for number in range(40)]
    for each in dead:
        assert shares.take(each, 0.0)
        shares.give_back(each, 0.0, failed=True)
    assert not shares.take("dead0", 1.9)
    assert sum(shares.take(each, 2.1) for each in dead * 2) == AT_ONCE_FAILING
    alive = [f"alive{number}" for number in range(40)]
    assert sum(shares.take(each, 2.1) for each in alive * 3) == AT_ONCE - AT_ONCE_FAILING
    shares.give_back("alive0", 2.1, failed=False)
    assert [shares.take("alive0", 2.1) for _ in range(2)] == [True, False]
    shares.forget()
    assert shares.next_at(2.1) == float("inf")


def test_a_team_that_takes_nothing_is_asked_less_and_less_often_and_as_before_once_it_does() -> None:
    shares, now, pauses = Shares(), 0.0, []
    for _ in range(7):
        assert shares.take(SHOP, now)
        shares.give_back(SHOP, now, failed=True)
        pauses.append(shares.next_at(now) - now)
        now = shares.next_at(now)
    assert pauses == [2, 4, 8, 16, 32, 60, 60]
    assert shares.take(SHOP, now)
    assert not shares.take(SHOP, now)
    shares.give_back(SHOP, now, failed=False)
    assert [shares.take(SHOP, now) for _ in range(3)] == [True] * AT_ONCE_EACH + [False]
    shares.give_back(SHOP, now, failed=True, wish=600.0)
    assert shares.next_at(now) == now + 600


def test_who_wants_none_is_not_asked_again_and_is_offered_the_next(office: PostOffice, shop: FakeReceiver) -> None:
    office.declare(SHOP, shop.file)
    shop.answer = fail_first(410)
    office.write(1, 2)
    with office.at_work():
        wait_for("both", lambda: office.outcomes() == [("msg_sale1", "Refused"), ("msg_sale2", "Delivered")])
    assert ids(shop) == ["msg_sale1", "msg_sale2"]
    assert 'herold_operator_notices_total{end="refused"} 1.0' in generate_latest(office.health.registry).decode()


def test_a_redirect_is_not_followed(office: PostOffice, shop: FakeReceiver, club: FakeReceiver) -> None:
    office.declare(SHOP, shop.file)
    shop.answer, shop.headers = (lambda post: 307), {"Location": club.url}
    office.write(1)
    with office.at_work():
        wait_for("a failure", lambda: office.lines("notice_failed"))
    assert [line["status"] for line in office.lines("notice_failed")] == [307]
    assert club.posts == []
    assert club.refused == []


def test_a_pause_that_is_asked_for_is_kept(office: PostOffice, shop: FakeReceiver) -> None:
    office.declare(SHOP, shop.file)
    shop.answer, shop.headers = (lambda post: 429), {"Retry-After": "120"}
    office.write(1)
    with office.at_work():
        wait_for("a failure", lambda: office.lines("notice_failed"))
    query = "SELECT extract(epoch FROM next_try_at - clock_timestamp())::float8 FROM notice"
    assert 60 < one(office.connection, query)[0] <= 120


def test_what_nobody_takes_for_a_day_is_given_up_and_the_next_is_told(office: PostOffice, shop: FakeReceiver) -> None:
    office.declare(SHOP, shop.file)
    shop.answer = lambda post: 500 if post.number == "msg_sale1" else 200
    office.write(1, 2)
    with office.at_work():
        wait_for("a failure", lambda: office.lines("notice_failed"))
        wait_for("its age", lambda: office.health.notice_age() > 0)
        office.connection.execute("UPDATE notice SET recorded_at = now() - interval '25 hours' WHERE id = 'msg_sale1'")
        wait_for("the next", lambda: office.outcomes() == [("msg_sale1", "GivenUp"), ("msg_sale2", "Delivered")])
        wait_for("none to wait", lambda: office.health.notice_age() == 0)
    assert [line["kind"] for line in office.lines("notice_given_up")] == ["campaign.held"]
    assert 'herold_operator_notices_total{end="given_up"} 1.0' in generate_latest(office.health.registry).decode()


def test_what_was_under_way_when_its_operator_died_comes_again(office: PostOffice, shop: FakeReceiver) -> None:
    office.declare(SHOP, shop.file)
    shop.answer = lambda post: 0
    office.write(1)
    with office.at_work():
        wait_for("it to be under way", lambda: shop.posts)
    assert office.outcomes() == [("msg_sale1", None)]
    shop.answer = lambda post: 200
    with office.at_work():
        wait_for("the receipt", lambda: office.outcomes() == [("msg_sale1", "Delivered")])
    assert ids(shop) == ["msg_sale1", "msg_sale1"]


def test_a_file_that_changes_is_obeyed_without_a_restart(
    office: PostOffice, shop: FakeReceiver, club: FakeReceiver
) -> None:
    office.declare(SHOP, {**shop.file, "secret": club.secret})  # not what the receiver has
    office.write(1)
    with office.at_work():
        wait_for("a refusal", lambda: shop.refused)
        # While one takes the other's place, both sign.
        office.declare(SHOP, {**shop.file, "secret": [club.secret, shop.secret]})
        wait_for("it", lambda: office.outcomes() == [("msg_sale1", "Delivered")])
        office.declare(SHOP, club.file)
        wait_for("another address", lambda: _asks_anew(office, club), 20)


def _asks_anew(office: PostOffice, receiver: FakeReceiver) -> bool:
    count = one(office.connection, "SELECT count(*) FROM notice")[0]
    if office.outcomes()[-1][1] is not None:
        office.write(count + 1)
    return bool(receiver.posts)


def test_a_file_with_mistakes_is_said_without_its_values_and_loses_nothing(
    office: PostOffice, shop: FakeReceiver
) -> None:
    office.declare(SHOP, {"url": "http://hooks.example/T0K3N", "secret": "whsec_dG9vc2hvcnQ=", "form": "x"})
    office.write(1)
    with office.at_work():
        (line,) = wait_for("the log", lambda: office.lines("webhook_unusable"))
        assert "url is not https" in line["message"]
        assert "secret is not" in line["message"]
        assert "1 of its fields" in line["message"]
        wait_for("an attempt", lambda: office.lines("notice_failed"))
        office.declare(SHOP, shop.file)
        wait_for("it", lambda: office.outcomes() == [("msg_sale1", "Delivered")], 40)
    said = office.log.getvalue()
    for secret in ("T0K3N", "dG9vc2hvcnQ", shop.secret[6:], "a-secret-path"):
        assert secret not in said


def test_a_chat_gets_the_text_alone_in_its_own_writing(office: PostOffice, shop: FakeReceiver) -> None:
    office.declare(SHOP, {**shop.file, "format": "Chat"})
    office.write(1)
    with office.at_work():
        wait_for("it", lambda: shop.posts)
    assert shop.posts[0].body == {"text": "&lt;1&gt; &amp; @all"}


def test_where_nobody_is_declared_the_ledger_is_asked_nothing(office: PostOffice) -> None:
    with office.at_work():
        assert office.courier is not None
        for _ in range(20):
            assert office.loop is not None
            office.loop.call_soon_threadsafe(office.courier.wake)
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), office.loop).result(5)
    assert office.asked == 0


def test_where_there_is_nothing_to_do_it_rests(office: PostOffice, shop: FakeReceiver) -> None:
    looks: list[bool] = []

    class Counted(Receivers):
        def refresh(self) -> bool:
            looks.append(True)
            return super().refresh()

    async def rest(ledger: Ledger) -> int:
        journal = Journal("operator", "error")
        courier = Courier(ledger, Counted(office.folder, journal), journal, office.health)
        task = asyncio.create_task(courier.serve())
        try:
            await asyncio.to_thread(wait_for, "its first look", lambda: looks and courier._look_at == float("inf"))
            before = len(looks)
            for _ in range(1000):
                await asyncio.sleep(0)
            return len(looks) - before
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    settings = Settings(database_url=office.url, state_dir=office.state, single_node=True)
    ledger = Ledger(settings)
    assert asyncio.run(rest(ledger)) <= 1  # nobody is declared
    office.declare(SHOP, shop.file)
    looks.clear()
    assert asyncio.run(rest(ledger)) <= 1  # nothing waits
    ledger.close()


def test_while_nothing_waits_the_ledger_is_asked_once(office: PostOffice, shop: FakeReceiver) -> None:
    office.declare(SHOP, shop.file)
    office.write(1)
    with office.at_work():
        wait_for("it", lambda: office.outcomes() == [("msg_sale1", "Delivered")])
        wait_for("quiet", lambda: _is_quiet(office))
        # The sweep, a look, an attempt, its receipt, and a look whether there is more.
        assert office.asked <= 5


def _is_quiet(office: PostOffice) -> bool:
    assert office.courier is not None
    return not office.courier._flying and office.courier._look_at == float("inf")


def test_what_is_over_goes_after_a_week_and_what_was_told_where_nobody_listens_any_more(
    office: PostOffice, shop: FakeReceiver
) -> None:
    office.declare(SHOP, shop.file)
    office.write(1)
    office.write(1, namespace=CLUB, name="news")
    office.connection.execute(
        "UPDATE notice SET outcome = 'Delivered', settled_at = now() - interval '8 days' WHERE true"
    )
    with office.at_work():
        wait_for("the sweep", lambda: office.outcomes() == [])
        rows = "SELECT namespace FROM told"
        wait_for("the other", lambda: office.connection.execute(rows).fetchall() == [(SHOP,)])


def test_pauses_grow_to_an_hour_and_are_never_the_same() -> None:
    assert [pause_after(attempts, 0.5) for attempts in range(4)] == [FIRST_PAUSE * 4**n for n in range(4)]
    assert pause_after(50, 0.5) == LONGEST_PAUSE
    assert pause_after(0, 0.0) < pause_after(0, 0.5) < pause_after(0, 0.999)


def test_what_a_leader_of_yesterday_thinks_was_told_is_not_written(connection: Connection) -> None:
    notice = [Notice("msg_1", HELD, "{}")]
    assert put_notices(connection, SHOP, "sale", None, {"turn": 1}, notice)
    assert not put_notices(connection, SHOP, "sale", None, {"turn": 9}, [Notice("msg_9", HELD, "{}")])
    assert put_notices(connection, SHOP, "sale", {"turn": 1}, {"turn": 2}, [Notice("msg_2", HELD, "{}")])
    assert not put_notices(connection, SHOP, "sale", {"turn": 1}, {"turn": 9}, [Notice("msg_9", HELD, "{}")])
    assert connection.execute("SELECT id FROM notice ORDER BY seq").fetchall() == [("msg_1",), ("msg_2",)]
