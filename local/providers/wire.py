"""Values on the engine's wire: protobuf structs to plain Python and back, with what is unknown and what is secret."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format, struct_pb2

# What the engine sends in a preview for a value that only an update would give (sdk/go/common/resource/plugin/rpc.go).
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
# A map with this key is no map: its value says what it is.
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the wire's mark of a secret, no secret itself

Properties = dict[str, Any]


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
