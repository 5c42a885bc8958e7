"""Values on the engine's wire: protobuf structs to plain Python and back, with what is unknown and what is secret."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format, struct_pb2

# What the engine sends in a preview for a value that only an update would give (sdk/go/common/resource/plugin/rpc.go).
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
# A map with this key is no map: its value says what it is.
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the wire's mark of a secret, no secret itself

# Shorter ones are in every text.
LEAST_SECRET = 4

Properties = dict[str, Any]
# The keys on the way to a value. A list on the way is secret as a whole: what is in it may move.
Path = tuple[str, ...]


def read(struct: struct_pb2.Struct) -> Properties:
    """Plain values of a struct. Whole numbers are ints again: the wire knows doubles only. Secrets are unwrapped."""
    plain = _plain(json_format.MessageToDict(struct))
    assert isinstance(plain, dict)
    return plain


def write(properties: Properties) -> struct_pb2.Struct:
    """The struct of plain values."""
    struct = struct_pb2.Struct()
    json_format.ParseDict(properties, struct)
    return struct


def secrets_of(struct: struct_pb2.Struct) -> frozenset[Path]:
    """Where a struct has secrets."""
    return frozenset(_secrets(json_format.MessageToDict(struct), ()))


def write_secret(properties: Properties, secret: frozenset[Path]) -> struct_pb2.Struct:
    """The struct of plain values, in which whatever is at one of these paths is a secret."""
    return write(_marked(properties, secret))


def secret_texts(struct: struct_pb2.Struct) -> list[str]:
    """All secret texts of a struct, the longest first, and of what is base64 its content too: for leaving them out."""
    found = set(_texts(json_format.MessageToDict(struct), secret=False))
    found |= {text for each in found if (text := _decoded(each))}
    return sorted((text for text in found if len(text) >= LEAST_SECRET), key=len, reverse=True)


def has_unknown(value: object) -> bool:
    """Whether anything in it is known only after an update."""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value == UNKNOWN


def is_special(value: object) -> bool:
    """Whether it is an asset, an archive or a resource reference instead of a plain map."""
    return isinstance(value, dict) and SIGNATURE in value


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return _plain(value.get("value"))
        return {key: _plain(item) for key, item in value.items()}
    return value


def _secrets(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            yield path
            return
        for key, item in value.items():
            yield from _secrets(item, (*path, key))
    elif isinstance(value, list) and any(True for item in value for _ in _secrets(item, ())):
        yield path


def _marked(value: Any, secret: frozenset[Path], path: Path = ()) -> Any:
    if path in secret:
        return {SIGNATURE: SECRET, "value": value}
    if isinstance(value, dict) and any(way[: len(path)] == path for way in secret):
        return {key: _marked(item, secret, (*path, key)) for key, item in value.items()}
    return value


def _texts(value: Any, *, secret: bool) -> Iterator[str]:
    if isinstance(value, dict):
        inside = secret or value.get(SIGNATURE) == SECRET
        for key, item in value.items():
            if key != SIGNATURE:
                yield from _texts(item, secret=inside)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, secret=secret)
    elif secret and isinstance(value, str):
        yield value


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return None
