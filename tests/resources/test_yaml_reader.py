"""YAML is read as the API server reads it; what is ambiguous or dangerous is refused with its place and the fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from herold.errors import Mistake
from herold.resources.yaml_reader import MAX_BYTES, MAX_NESTING, read_file, read_text


def one_mistake(text: str) -> Mistake:
    reading = read_text(text, "f.yaml")
    assert len(reading.mistakes) == 1, "\n".join(map(str, reading.mistakes))
    return reading.mistakes[0]


def value(text: str) -> Any:
    reading = read_text(text, "f.yaml")
    assert reading.mistakes == []
    (document,) = reading.documents
    return document.value


def test_values_have_the_types_that_the_api_server_gives_them() -> None:
    assert value("{a: text, b: 15, c: -3, d: true, e: False, f: '15', g: 127.0.0.1, h: [], i: 1.2.3, j: 6h}") == {
        **{"a": "text", "b": 15, "c": -3, "d": True, "e": False, "f": "15", "g": "127.0.0.1", "h": [], "i": "1.2.3"},
        "j": "6h",
    }


@pytest.mark.parametrize("text", ["2026-12-01", "2026-12-01T09:00:00", "2026-12-01 09:00:00"])
def test_dates_are_text(text: str) -> None:
    assert value(f"at: {text}") == {"at": text}


@pytest.mark.parametrize("word", ["y", "N", "yes", "No", "ON", "off"])
def test_a_switch_without_quotes_is_refused(word: str) -> None:
    mistake = one_mistake(f"a: 1\nb:\n  c: {word}\n")
    assert (mistake.line, mistake.column, mistake.path) == (3, 6, "b.c")
    assert f"'{word}' in quotes" in (mistake.fix or "")
    assert ("true" if word in ("y", "yes", "ON") else "false") in (mistake.fix or "")
    assert value(f"'{word}'") == word


@pytest.mark.parametrize(
    ("text", "words", "fix"),
    [
        ("21:00", "base 60", "write '21:00', in quotes"),
        ("1:30:00", "base 60", "write '1:30:00', in quotes"),
        ("012", "another base", "write '012' in quotes, or 12 if it is a number"),
        ("08", "another base", "write '08' in quotes, or 8 if it is a number"),
        ("-07", "another base", "write '-07' in quotes, or -7 if it is a number"),
        ("0x1F", "another base", "write '0x1F' in quotes"),
        ("0b11", "another base", "write '0b11' in quotes"),
        ("0o17", "another base", "write '0o17' in quotes"),
        ("1_000", "the number 1000", "write 1000 if it is a number, or '1_000' in quotes"),
        ("1.5", "readers round", "write '1.5', in quotes"),
        ("1e3", "readers round", "write '1e3', in quotes"),
        (".5", "readers round", "write '.5', in quotes"),
        ("-.inf", "readers round", "write '-.inf', in quotes"),
        (".NaN", "readers round", "write '.NaN', in quotes"),
        ("9223372036854775808", "too many digits", "write it in quotes if it is text"),
        ("1" * 5000, "too many digits", "write it in quotes if it is text"),
        ("~", "empty value", "write a value, or leave the field out; in quotes ('~') it is text"),
    ],
)
def test_an_ambiguous_scalar_is_refused_with_its_place_and_the_fix(text: str, words: str, fix: str) -> None:
    mistake = one_mistake(f"a:\n  - x\n  - {text}\n")
    assert (mistake.line, mistake.column, mistake.path) == (3, 5, "a[1]")
    assert words in mistake.message
    assert mistake.fix == fix
    assert value(f'"{text}"') == text


def test_a_refused_scalar_reads_as_its_text_so_that_the_rest_is_looked_at() -> None:
    reading = read_text("a: 21:00\nb: no\n", "f.yaml")
    assert [mistake.path for mistake in reading.mistakes] == ["a", "b"]
    assert reading.documents[0].value == {"a": "21:00", "b": "no"}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", (3, 1, "a"), "'a' stands here twice, first in line 1"),
        ("a: {b: 1, 'b': 2}\n", (1, 11, "a.b"), "'b' stands here twice, first in line 1"),
        ("a: &x [1]\n", (1, 4, "a"), "&x is an anchor"),
        ("a: *x\n", (1, 4, "a"), "*x is an alias"),
        ("<<: {a: 1}\n", (1, 1, "['<<']"), "merge keys are refused"),
        ("a: !!str 5\n", (1, 4, "a"), "is a tag"),
        ("a: !python/object:os.system x\n", (1, 4, "a"), "is a tag"),
        ("- !!binary aGk=\n", (1, 3, "[0]"), "is a tag"),
        ("%YAML 1.2\n---\na: 1\n", (1, 1, ""), "directives"),
        ("no: 1\n", (1, 1, "no"), "a key must be text, and no is not"),
        ("15: 1\n", (1, 1, '["15"]'.replace('"', "'")), "a key must be text, and 15 is not"),
        ("? [a, b]\n: 1\n", (1, 3, ""), "a key must be text"),
        ("subject: {{ contact.first_name }}\n", (1, 11, "subject"), "a key must be text"),
        ('a: "x\\0y"\n', (1, 4, "a"), "control character U+0000"),
        ('a: "x\\x1by"\n', (1, 4, "a"), "control character U+001B"),
        ("a: x\0y\n", (1, 5, ""), "a character that YAML forbids, U+0000"),
        ("a: b\n\tc: d\n", (2, 1, ""), "tab"),
        ("a: b: c\n", (1, 5, ""), "is not YAML: mapping values are not allowed"),
        ("a: 'b\n", (2, 1, ""), "is not YAML: found unexpected end of stream"),
        ("a: [b\nc: d\n", (2, 2, ""), "is not YAML: did not find expected ',' or ']'"),
        ("a:\n - b\nc\n", (4, 1, ""), "is not YAML: could not find expected ':'"),
        ("a: @home\n", (1, 4, ""), "is not YAML: found character that cannot start any token"),
        ("a: !x!y z\n", (1, 4, ""), "is not YAML: found undefined tag handle"),
    ],
)
def test_what_is_refused_is_named_with_its_place(text: str, place: tuple[int, int, str], words: str) -> None:
    mistake = one_mistake(text)
    assert (mistake.line, mistake.column, mistake.path) == place
    assert words in mistake.message
    assert mistake.fix


def test_each_document_of_a_file_has_its_own_places() -> None:
    reading = read_text("# only a comment\n---\na: 1\n---\n---\nb:\n  - c: 2\n", "f.yaml")
    first, second = reading.documents
    assert reading.mistakes == []
    assert first.place(("a",)) == (3, 4)
    assert second.place(("b", 0, "c")) == (7, 8)
    assert second.place(("b", 0, "c"), at_key=True) == (7, 5)
    assert second.place(("b", 0, "missing")) == (7, 5)


def test_documents_before_a_syntax_error_are_still_read() -> None:
    reading = read_text("a: no\n---\nb: 'x\n", "f.yaml")
    assert [mistake.line for mistake in reading.mistakes] == [1, 4]
    assert [document.value for document in reading.documents] == [{"a": "no"}]


def test_nothing_is_expanded_and_a_bomb_stays_small() -> None:
    bomb = "a0: &a0 [lol, lol]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    reading = read_text(bomb, "bomb.yaml")
    assert len(reading.mistakes) == 40 + 39 * 9
    assert {mistake.line for mistake in reading.mistakes} == set(range(1, 41))
    assert reading.documents[0].value["a39"] == [None] * 9


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: ", '{"a":['])
def test_deep_nesting_is_refused_before_it_costs_anything(opening: str) -> None:
    reading = read_text(opening * (MAX_BYTES // len(opening)), "deep.yaml")
    assert len(reading.mistakes) == 1


def test_nesting_up_to_the_bound_is_read() -> None:
    assert value("[" * MAX_NESTING + "]" * MAX_NESTING)
    mistake = one_mistake("[" * (MAX_NESTING + 1) + "]" * (MAX_NESTING + 1))
    assert (mistake.line, mistake.column) == (1, MAX_NESTING + 1)
    assert f"more than {MAX_NESTING} levels" in mistake.message


def test_a_file_over_one_mebibyte_is_refused(tmp_path: Path) -> None:
    fits, big = tmp_path / "fits.yaml", tmp_path / "big.yaml"
    fits.write_bytes(b"a: " + b"x" * (MAX_BYTES - 3))
    big.write_bytes(b"a: " + b"x" * (MAX_BYTES - 2))
    assert read_file(fits).mistakes == []
    assert [mistake.message for mistake in read_file(big).mistakes] == ["is bigger than 1 MiB"]
    assert [mistake.message for mistake in read_text("ä" * (MAX_BYTES // 2 + 1), "t").mistakes] == [
        "is bigger than 1 MiB"
    ]


def test_a_file_that_is_not_utf_8_is_refused_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"a: b\nc: Fr\xfchling\n")
    (mistake,) = read_file(file).mistakes
    assert (mistake.line, mistake.message, mistake.fix) == (2, "is not UTF-8", "save the file as UTF-8")


def test_a_byte_order_mark_is_passed_over_and_a_missing_file_is_a_mistake(tmp_path: Path) -> None:
    marked = tmp_path / "marked.yaml"
    marked.write_bytes(b"\xef\xbb\xbfa: b\n")
    assert [document.value for document in read_file(marked).documents] == [{"a": "b"}]
    (mistake,) = read_file(tmp_path / "missing.yaml").mistakes
    assert "can't be read" in mistake.message


_PIECES = (
    "a,b: ,: ,- ,\n,  ,\t,[,],{,},&x ,*x,!!str ,!,|,>,',\",~,no,21:00,0x1,<<: ,? "
    ",---\n,...\n,%YAML 1.1\n,#,\\,\0,\ud800,\u2028,@"
)
_YAML_ISH = st.lists(st.sampled_from([*_PIECES.split(","), ","]), max_size=40).map("".join)


@given(st.one_of(st.text(max_size=200), _YAML_ISH))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    reading = read_text(text, "f.yaml")
    for document in reading.documents:
        for path in document.places:
            line, column = document.place(path)
            assert line >= 1
            assert column >= 1
    for mistake in reading.mistakes:
        assert mistake.file == "f.yaml"
        assert str(mistake)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("bytes") / "f.yaml"
    file.write_bytes(content)
    read_file(file)
