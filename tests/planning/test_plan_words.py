"""Numbers and times in the words of a plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from herold.planning.words import length, moment, money, one_line, people, place, share, signed, spaced


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (1_680, "28 min"), (11_100, "3 h 5 min"), (7_200, "2 h"),
     (187_200, "2 d 4 h"), (172_800, "2 d")],
)  # fmt: skip
def test_lengths_are_told_as_people_tell_them(seconds: int, text: str) -> None:
    assert length(timedelta(seconds=seconds)) == text


def test_times_are_told_in_their_zone() -> None:
    at = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    assert moment(at, "Europe/Warsaw") == "1 December 2026 09:00"
    assert moment(None, "Europe/Warsaw") == "–"
    assert place("America/Argentina/Buenos_Aires") == "Buenos Aires time"


def test_counts_and_shares() -> None:
    assert [people(1), people(22_310)] == ["1 person", "22,310 people"]
    assert [signed(5), signed(-1_200), signed(0)] == ["+5", "−1,200", "0"]
    assert [share(1, 1_000), share(500, 1_000), share(0, 10), share(1, 0)] == ["<1 %", "50 %", "0 %", "0 %"]
    assert money(Decimal("1234.5"), "EUR") == "1,234.50 EUR"


def test_names_of_reasons_are_words() -> None:
    assert spaced("OutsideAllowList") == "Outside allow list"


def test_a_line_is_one_line_without_controls() -> None:
    assert one_line("a\r\n\tb\x1b[0m\u202e  c") == "a b [0m c"
    assert len(one_line("x" * 500, 20)) == 20
