from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from herold.channels.replies import MAX_DETAIL, MAX_LINE, MAX_LINES, RawReply, ReplyReader, enhanced_code, scrub

STREAM = b"220 hello\r\n250-first\r\n250-second\r\n250 third\r\n250\r\n550-5.1.1 no\r\n550 5.1.1 such\r\n"
REPLIES = [(220, b"hello"), (250, b"first\nsecond\nthird"), (250, b""), (550, b"5.1.1 no\n5.1.1 such")]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_replies_are_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    reader = ReplyReader()
    places = [0, *sorted(cuts), len(STREAM)]
    replies: list[RawReply] = []
    for start, end in pairwise(places):
        replies += reader.feed(STREAM[start:end])
    assert replies == REPLIES
    assert reader.malformed is None
    assert reader.is_between


@pytest.mark.parametrize(
    "noise",
    [
        b"hello\r\n",
        b"\x00\xff\r\n",
        b"25 ok\r\n",
        b"999 ok\r\n",
        b"199 ok\r\n",
        b"250_ok\r\n",
        b"\r\n",
        b"250-a\r\n251 b\r\n",
        b"250 bare line feed\n",
        b"250 " + b"x" * MAX_LINE + b"\r\n",
        b"x" * (MAX_LINE + 1),
        b"250-again\r\n" * (MAX_LINES + 1),
    ],
    ids=lambda noise: noise[:12].decode("latin-1"),
)
def test_what_is_no_reply_is_malformed_and_replies_before_it_are_given(noise: bytes) -> None:
    reader = ReplyReader()
    assert reader.feed(b"250 good\r\n" + noise) == [(250, b"good")]
    assert reader.malformed is not None


@given(st.binary(max_size=4000))
def test_noise_never_raises(noise: bytes) -> None:
    reader = ReplyReader()
    for code, text in reader.feed(noise):
        assert 200 <= code < 560
        assert b"\r\n" not in text


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (550, b"5.1.1 no such user", "5.1.1"),
        (550, b"5.1.10 null MX", "5.1.10"),
        (250, b"2.0.0", "2.0.0"),
        (550, b"4.1.1 class and code differ", None),
        (550, b"mailbox 5.1.1 unknown", None),
        (550, b"5.1.1.2 an address of some kind", None),
        (550, b"", None),
    ],
)
def test_the_enhanced_code_begins_the_text_and_has_the_class_of_the_reply(
    code: int, text: bytes, expected: str | None
) -> None:
    assert enhanced_code(code, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"5.1.1 <jane.doe@example.com>: unknown", "<address>"),
        (b'5.1.1 "jane doe"@example.com unknown', "unknown"),
        (b"user JANE.DOE is over quota", "user <address> is over quota"),
        (b"jane.doe=example.com@bounce.example refused", "<address> refused"),
        (b"first\nsecond\tthird\x1b[31m\x00", "first second third [31m"),
        ("\u202eevil\u2028line".encode(), "evil line"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_what_is_kept_of_a_reply_names_nobody_and_has_no_control_characters(text: bytes, expected: str) -> None:
    kept = scrub(text, b"jane.doe@example.com")
    assert expected in kept
    assert "jane" not in kept.lower()
    assert kept.isprintable()


@given(st.binary(max_size=3000), st.sampled_from([b"al@example.com", b"jane.doe@example.com", b"x@y.test"]))
def test_whatever_comes_is_kept_short_printable_and_without_the_recipient(noise: bytes, recipient: bytes) -> None:
    kept = scrub(noise[:100] + b" " + recipient + b" " + noise[100:], recipient)
    assert len(kept) <= MAX_DETAIL
    assert kept.isprintable()
    assert "@" not in kept
