"""What the ledger knew, remembered on the operator's Lease: outside the database, and renewed with it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from herold.ledger.fence import Fence

ANNOTATION = "herold.dev/ledger"


@dataclass(slots=True)
class Mirror:
    """`fence` is what was seen last, by this replica or the leader before it. Whoever looks at the ledger moves it, the
    thread of the Lease writes it: each takes it whole."""

    fence: Fence | None = None

    def recall(self, lease: Mapping[str, Any]) -> bool:
        """Take what the Lease says. False when nobody can read that: then nothing is remembered."""
        text = (lease["metadata"].get("annotations") or {}).get(ANNOTATION)
        try:
            self.fence = Fence.from_json(text) if text is not None else None
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            self.fence = None
            return False
        return True

    def note(self, lease: MutableMapping[str, Any]) -> None:
        """Put it on the Lease."""
        if self.fence is not None:
            metadata = lease["metadata"]
            metadata["annotations"] = {**(metadata.get("annotations") or {}), ANNOTATION: self.fence.to_json()}
