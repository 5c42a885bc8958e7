"""How far a run is, in one line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from herold.cli.progress import Rate, told
from herold.ledger.counts import RunStatus
from herold.words import count, legible, span

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
RUN = RunStatus(
    run_id=1, namespace="campaigns-shop", name="hello", occurrence=1, state="Open", suspended=False, stopped_at=None,
    holds=[], planned=10_000, sent=1_000, failed=0, suppressed=0, skipped=0, uncertain=0, deferred=5, waiting=9_000,
    next_due_at=NOW, created_at=NOW, started_at=NOW, closed_at=None, left_out={},
)  # fmt: skip


def test_a_line_tells_rate_and_time_left_and_what_is_not_sent() -> None:
    assert told(RUN, 500) == "sent 1,000 of 10,000, deferred 5, uncertain 0, 500/s, 18 s left"
    assert "failed 3" in told(replace(RUN, failed=3), 0)


def test_a_run_that_does_not_send_says_why() -> None:
    assert told(replace(RUN, holds=["Campaign: wrong price"]), 0).endswith("held: Campaign: wrong price")
    assert told(replace(RUN, suspended=True), 0).endswith("suspended")
    assert told(replace(RUN, started_at=None), 0).endswith("first due 2026-12-01 08:00:00 UTC")
    assert told(replace(RUN, stopped_at=NOW), 0).endswith("stopping")


def test_the_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate()
    assert rate.add(0.0, 0) == 0.0
    assert rate.add(1.0, 1_000) == 1_000.0
    for second in range(2, 20):
        last = rate.add(float(second), 1_000 + (second - 1) * 10)
    assert 9.9 < last < 10.1


def test_spans_and_counts_read_like_words() -> None:
    assert [span(each) for each in (0, 59, 60, 3_725, 90_000)] == ["0 s", "59 s", "1 min", "1 h 2 min", "1 d 1 h"]
    assert span(timedelta(hours=2)) == "2 h"
    assert (count(1, "person", "people"), count(2_000, "person", "people")) == ("1 person", "2,000 people")


@given(st.text())
def test_a_legible_line_has_no_control_characters(text: str) -> None:
    assert all(character.isprintable() for character in legible(text))
