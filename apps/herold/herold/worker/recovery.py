"""Taking over from workers that died: every window that one left is settled, by evidence where there is some."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from herold.ledger import leases
from herold.ledger.claims import Kind, Receipt, record
from herold.ledger.database import AsyncConnection
from herold.worker.evidence import settle, testimony

# Looks further apart than this don't count as watching a lease.
GAP_SECONDS = leases.TTL_SECONDS / 3


@dataclass(slots=True)
class Taken:
    """What one look took over: leases, and the messages that hung on them by what they became."""

    leases: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)


class Recovery:
    """Watches other workers' leases.

    A lease is taken at once from a worker whose evidence can be locked: it is dead. Otherwise only after it was seen
    expired and unchanged for a whole lease by *this* process's monotonic clock: a clock that jumped, or a ledger that
    was away, makes nobody's work uncertain. While nobody could look nobody could renew either: that time counts for
    nothing.
    """

    def __init__(self, worker: UUID, evidence: Path, remember: Callable[[AsyncConnection], Awaitable[bool]]) -> None:
        self._worker = worker
        self._remember = remember
        self._evidence = evidence
        self._seen: dict[UUID, tuple[str, float]] = {}
        self._looked = 0.0

    async def step(self, connection: AsyncConnection) -> Taken:
        """Look once, and take what is over."""
        found = await leases.others(connection, self._worker)
        if time.monotonic() - self._looked > GAP_SECONDS:
            self._seen = {}
        self._looked = time.monotonic()
        self._seen = {lease.worker: self._since(lease) for lease in found}
        taken = Taken()
        for lease in found:
            said = testimony(self._evidence, lease.worker)
            try:
                if said is None and not self._is_over(lease):
                    continue
                windows = await leases.take(connection, lease)
                if windows is None:
                    continue
                taken.leases += 1
                for window in windows:
                    count = len(window.positions)
                    unknown: list[Kind] = ["uncertain"] * count
                    kinds = said.kinds(window.slot, window.id, count) if said else unknown
                    nothing: list[None] = [None] * count
                    await record(
                        connection,
                        Receipt(
                            window.run_id,
                            window.id,
                            window.positions,
                            window.attempts,
                            kinds,
                            nothing,
                            nothing,
                            settle(kinds),
                        ),
                    )
                    taken.kinds.update(kinds)
                if said is not None:
                    said.close(forget=await self._remember(connection))
                    said = None
            finally:
                if said is not None:
                    said.close(forget=False)
        return taken

    def _since(self, lease: leases.Lease) -> tuple[str, float]:
        version, since = self._seen.get(lease.worker, ("", 0.0))
        return (version, since) if version == lease.version else (lease.version, time.monotonic())

    def _is_over(self, lease: leases.Lease) -> bool:
        _, since = self._seen[lease.worker]
        return lease.expired and time.monotonic() - since >= leases.TTL_SECONDS
