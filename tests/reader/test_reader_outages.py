"""The ledger was away: whoever asks next is answered, and does not hear of it."""

from __future__ import annotations

from controller.platform import Platform
from herold_reader.protocol import SERVICE, Ask
from parts.campaigns import small_campaign
from parts.kubernetes import wait_for
from reader.service import Reader, begin


def test_the_first_question_after_the_ledger_came_back_is_answered(platform: Platform, reader: Reader) -> None:
    begin(platform, small_campaign())
    question = {"contactId": 1}
    assert reader.ask(Ask.EXPLAIN, who="otto", body=question).status == 200
    ours = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
    ended = platform.connection.execute(f"SELECT pg_terminate_backend(pid) {ours}".encode(), (SERVICE,)).fetchall()
    assert ended
    count = f"SELECT count(*) {ours}".encode()
    wait_for("its connections to end", lambda: platform.connection.execute(count, (SERVICE,)).fetchone() == (0,))
    assert reader.ask(Ask.EXPLAIN, who="otto", body=question).status == 200
    assert reader.events("not_answered") == []
