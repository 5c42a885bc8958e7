"""Ids that only this installation makes, and that it reads back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from herold.message.identity import Identities, parse_token, parse_verp
from message.letters import KEY

RUNS, POSITIONS = st.integers(1, 2**63 - 1), st.integers(0, 2**31 - 1)


@given(RUNS, POSITIONS)
def test_what_is_made_reads_back_and_fits_its_place(run: int, position: int) -> None:
    identity = Identities(KEY, run).of(position)
    assert parse_verp(KEY, f"{identity.verp}@bounces.example") == (run, position)
    assert parse_verp(KEY, identity.verp.upper()) == (run, position)
    assert parse_token(KEY, identity.token) == (run, position)
    assert len(identity.verp) <= 64  # RFC 5321 4.5.3.1.1
    assert re.fullmatch("[0-9a-f]{32}", identity.message_id)


@given(RUNS, POSITIONS, st.integers(1, 9))
def test_another_key_position_or_kind_proves_nothing(run: int, position: int, step: int) -> None:
    identity = Identities(KEY, run).of(position)
    assert parse_token(KEY + b"x", identity.token) is None
    assert parse_verp(KEY + b"x", identity.verp) is None
    mac = identity.token.rpartition("-")[2]
    assert parse_token(KEY, f"{run}-{position + step}-{mac}") is None
    assert parse_token(KEY, f"{run + step}-{position}-{mac}") is None
    assert parse_verp(KEY, f"b-{identity.token}") is None
    assert parse_token(KEY, identity.verp) is None
    assert parse_token(KEY, identity.verp.removeprefix("b-")) is None


@given(st.text(max_size=80))
def test_garbage_is_nobody(text: str) -> None:
    assert parse_verp(KEY, text) is None
    assert parse_token(KEY, text) is None


def test_run_and_position_do_not_run_together() -> None:
    assert Identities(KEY, 1).of(23).message_id != Identities(KEY, 12).of(3).message_id


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(ValueError, match="empty key"):
        Identities(b"", 1)
