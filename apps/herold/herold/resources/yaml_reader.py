"""YAML files as plain values, with the line and column of everything, and with all that is refused named at once.

Built on the events of libyaml rather than on composed nodes: an event still knows whether a tag or an anchor was
written, nothing is expanded, and nesting is bounded before it costs anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml
from yaml import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from herold.errors import Mistake
from herold.resources.paths import Path, dotted, quoted
from herold.resources.plain_scalars import Ambiguous, resolve
from herold.resources.yaml_syntax import syntax_mistake

MAX_BYTES = 1 << 20
MAX_NESTING = 64

Place = tuple[int, int]  # line and column, both from 1

_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document. `value` is made of dict, list, str, int, bool and None."""

    file: str
    line: int
    value: Any
    places: Mapping[Path, Place]
    keys: Mapping[Path, Place]
    mistaken: frozenset[Path]  # a mistake was named here already: nothing more need be said of what is below
    nulls: tuple[Path, ...]

    def mistake(self, path: Path, message: str, fix: str | None = None, *, at_key: bool = False) -> Mistake:
        """A mistake at `path`, or at the nearest thing above it that stands in the file."""
        line, column = self.place(path, at_key=at_key)
        return Mistake(self.file, line, column, dotted(path), message, fix)

    def place(self, path: Path, *, at_key: bool = False) -> Place:
        """Line and column of the value at `path` (`at_key`: of its key), or of the nearest thing above it."""
        for length in range(len(path), 0, -1):
            here = path[:length]
            # Of something that is missing, the key of what should hold it tells more than that thing's first line.
            first, second = (self.keys, self.places) if at_key or length < len(path) else (self.places, self.keys)
            if place := first.get(here) or second.get(here):
                return place
        return self.places.get((), (self.line, 1))

    def is_mistaken(self, path: Path) -> bool:
        """True when a mistake was named at `path` or above it."""
        return bool(self.mistaken) and any(path[:length] in self.mistaken for length in range(len(path) + 1))


@dataclass(slots=True)
class Reading:
    """What came out of one file or text: documents as far as they could be read, and all mistakes."""

    documents: list[Document] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)


def read_file(path: FilePath) -> Reading:
    """Read one file of at most 1 MiB. What is wrong with it (it may not even be there) is among the mistakes."""
    name = str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return Reading(mistakes=[Mistake(name, 0, 0, "", f"can't be read: {error.strerror}")])
    if len(content) > MAX_BYTES:
        return Reading(mistakes=[_too_big(name)])
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Reading(mistakes=[Mistake(name, line, 1, "", "is not UTF-8", "save the file as UTF-8")])
    return read_text(text, name)


def read_text(text: str, file: str) -> Reading:
    """Read the documents of one text; `file` names it in mistakes."""
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        return Reading(mistakes=[_too_big(file)])
    text = text.removeprefix("\ufeff")
    if control := _CONTROL.search(text):
        line = text.count("\n", 0, control.start()) + 1
        column = control.start() - text.rfind("\n", 0, control.start())
        message = f"holds a character that YAML forbids, U+{ord(control[0]):04X}"
        return Reading(mistakes=[Mistake(file, line, column, "", message, "remove it")])
    reader = _Reader(file)
    try:
        reader.read(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        reader.reading.mistakes.append(syntax_mistake(file, error, text))
    return reader.reading


def _too_big(file: str) -> Mistake:
    return Mistake(file, 0, 0, "", "is bigger than 1 MiB", "split it into several files")


class _Stop(Exception):
    """What follows in this file can't be understood."""


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is still open. `key` is the key whose value comes next (a mapping's only)."""

    value: Any
    path: Path
    key: str | None = None


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.reading = Reading()
        self._begin(1)

    def _begin(self, line: int) -> None:
        self._line = line
        self._root: Any = None
        self._stack: list[_Frame] = []
        self._places: dict[Path, Place] = {}
        self._keys: dict[Path, Place] = {}
        self._mistaken: set[Path] = set()
        self._nulls: list[Path] = []

    def read(self, events: Iterable[Any]) -> None:
        try:
            for event in events:
                self._take(event)
        except _Stop:
            pass

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is ScalarEvent:
            self._scalar(event)
        elif kind is MappingStartEvent:
            self._open(event, {})
        elif kind is SequenceStartEvent:
            self._open(event, [])
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            self._stack.pop()
        elif kind is AliasEvent:
            path = self._next_path(event)
            self._refuse(event, path, f"*{event.anchor} is an alias, and aliases are refused", "write the value out")
            self._put(path, None)
        elif kind is DocumentStartEvent:
            self._begin(event.start_mark.line + 1)
            if event.version or event.tags:
                self._refuse(event, (), "directives (%YAML, %TAG) are refused", "remove the line that begins with %")
        elif kind is yaml.DocumentEndEvent:
            self._end()

    def _end(self) -> None:
        if self._root is None and () not in self._mistaken:
            return  # an empty document: comments only, or a last `---`
        self.reading.documents.append(
            Document(
                self.file,
                self._line,
                self._root,
                self._places,
                self._keys,
                frozenset(self._mistaken),
                tuple(self._nulls),
            )
        )

    def _refuse(self, event: Any, path: Path, message: str, fix: str) -> None:
        mark = event.start_mark
        self.reading.mistakes.append(Mistake(self.file, mark.line + 1, mark.column + 1, dotted(path), message, fix))
        self._mistaken.add(path)

    def _next_path(self, event: Any) -> Path:
        """Where the value that begins now belongs."""
        if not self._stack:
            return ()
        frame = self._stack[-1]
        if type(frame.value) is list:
            return (*frame.path, len(frame.value))
        if frame.key is None:
            self._refuse(event, frame.path, "a key must be text", "put text that begins with {, [ or * in quotes")
            raise _Stop
        return (*frame.path, frame.key)

    def _put(self, path: Path, value: Any) -> None:
        if not self._stack:
            self._root = value
            return
        frame = self._stack[-1]
        if type(frame.value) is list:
            frame.value.append(value)
        else:
            frame.value[frame.key] = value
            frame.key = None

    def _open(self, event: Any, value: Any) -> None:
        path = self._next_path(event)
        if len(self._stack) >= MAX_NESTING:
            self._refuse(event, path[:4], f"is nested more than {MAX_NESTING} levels deep", "write it flatter")
            raise _Stop
        self._decorated(event, path)
        mark = event.start_mark
        self._places[path] = (mark.line + 1, mark.column + 1)
        self._put(path, value)
        self._stack.append(_Frame(value, path))

    def _decorated(self, event: Any, path: Path) -> None:
        if event.anchor is not None:
            fix = f"remove &{event.anchor}, and write the value out where it is used"
            self._refuse(event, path, f"&{event.anchor} is an anchor, and anchors are refused", fix)
        if event.tag is not None:
            self._refuse(event, path, f"{event.tag} is a tag, and tags are refused", "remove it; put text in quotes")

    def _scalar(self, event: Any) -> None:
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.key is None and type(frame.value) is dict:
            self._key(event, frame)
            return
        path = self._next_path(event)
        mark = event.start_mark
        self._places[path] = (mark.line + 1, mark.column + 1)
        if event.anchor is not None or event.tag is not None:
            self._decorated(event, path)
        self._put(path, self._value(event, path))

    def _value(self, event: Any, path: Path) -> str | int | bool | None:
        text: str = event.value
        if event.style or event.tag is not None:
            if hidden := _HIDDEN.search(text):
                self._refuse(event, path, f"holds the control character U+{ord(hidden[0]):04X}", "remove it")
            return text
        value = resolve(text)
        if isinstance(value, Ambiguous):
            self._refuse(event, path, value.message, value.fix)
            return text  # what was probably meant, so that the rest can be looked at
        if value is None:
            self._nulls.append(path)
        return value

    def _key(self, event: Any, frame: _Frame) -> None:
        key: str = event.value
        path = (*frame.path, key)
        if event.anchor is not None or event.tag is not None:
            self._decorated(event, path)
        if not event.style and event.tag is None:
            if key == "<<":
                self._refuse(event, path, "merge keys are refused", "write the fields out")
            elif not isinstance(resolve(key), str):
                self._refuse(event, path, f"a key must be text, and {key or 'nothing'} is not", f"write '{key}':")
        elif _HIDDEN.search(key):
            self._refuse(event, path, "a key holds a control character", "remove it")
        if path in self._keys:
            line = self._keys[path][0]
            self._refuse(event, path, f"{quoted(key)} stands here twice, first in line {line}", "remove one of the two")
        else:
            mark = event.start_mark
            self._keys[path] = (mark.line + 1, mark.column + 1)
        frame.key = key
