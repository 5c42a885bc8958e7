"""The values of a statement: each gets a name, none is ever written into the SQL."""

from __future__ import annotations


class Parameters:
    """Collects values and gives the placeholders that stand for them."""

    def __init__(self, prefix: str = "") -> None:
        self.values: dict[str, object] = {}
        self._prefix = prefix

    def add(self, value: object, type_: str) -> str:
        """A typed placeholder of psycopg, like `%(p3)s::text[]`."""
        name = f"{self._prefix}p{len(self.values) + 1}"
        self.values[name] = value
        return f"%({name})s::{type_}"
