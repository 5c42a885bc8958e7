"""Errors as answers: a status of HTTP and a JSON body that the other side makes an error of again."""

from __future__ import annotations

from typing import Any

from herold.errors import HeroldError, InvalidInput, NotFound, Refused, Temporary
from herold_reader.access import Denied, Unauthenticated
from herold_reader.gates import Busy

_STATUS: tuple[tuple[type[HeroldError], int], ...] = (
    (Unauthenticated, 401),
    (Denied, 403),
    (NotFound, 404),
    (Refused, 409),
    (InvalidInput, 422),
    (Busy, 503),
    (Temporary, 503),
)


def status_of(error: HeroldError) -> int:
    """500 for what should not happen."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def body_of(error: HeroldError) -> dict[str, Any]:
    """`exitCode` is that with which a command ends (docs/reference/cli.md)."""
    told = {"kind": type(error).__name__, "message": error.message, "exitCode": error.exit_code}
    return {"error": {**told, **({"hint": error.hint} if error.hint else {})}}
