"""Whatever stands in a file, a catalogue answers with mistakes that have a place in it, or with resources."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resources.worlds import WORLD, mistakes

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["Shared", "In", "buyers", "spring", "customers", "1d", "21:00", "\u2028", "x" * 3_000, "{{ x }}"]),
)
_FIELDS = st.sampled_from(["name", "spec", "kind", "metadata", "apiVersion", "from", "values", "anyOf", "a b"])
_VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=4),
        st.dictionaries(st.one_of(_FIELDS, st.text(max_size=8)), below, max_size=4),
    ),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value below `value`, and its own."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, below in items for found in places(below, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of `value` with `new` at `path`."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


def check(file: str, text: str) -> None:
    for mistake in mistakes({file: text}):
        assert mistake.message
        assert str(mistake)
        if mistake.file == file:
            assert 0 <= mistake.line <= text.count("\n") + 2


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data(), st.sampled_from(sorted(WORLD)))
def test_any_value_at_any_place_is_answered_with_mistakes(data: st.DataObject, file: str) -> None:
    value = json.loads(json.dumps(yaml.safe_load(WORLD[file]), default=str))
    path = data.draw(st.sampled_from(places(value)))
    changed = put(value, path, data.draw(_VALUES))
    check(file, json.dumps(changed, indent=1, ensure_ascii=data.draw(st.booleans())))


@settings(deadline=None)
@given(st.data(), st.sampled_from(sorted(WORLD)))
def test_any_cut_or_insertion_in_the_text_is_answered_with_mistakes(data: st.DataObject, file: str) -> None:
    text = WORLD[file]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    check(file, text[:start] + data.draw(st.text(max_size=10)) + text[end:])
