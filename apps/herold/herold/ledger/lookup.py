"""From the names that people say to the ids of the ledger. What may mean two things is asked back, never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from herold.errors import NotFound
from herold.ledger.database import Connection, one

if TYPE_CHECKING:  # models take a quarter of a second to read in, and most commands need none
    from herold.resources.resolved import ResolvedCampaign


def find_run(connection: Connection, campaign: str | None, run_id: int | None) -> int:
    """A run by its id, or the newest one of a campaign (`namespace/name`, or a name that only one team uses).

    Raises NotFound.
    """
    if run_id is not None:
        row = connection.execute("SELECT namespace || '/' || name FROM run WHERE id = %s", (run_id,)).fetchone()
        if row is None:
            raise NotFound(f"there is no run {run_id}", hint="see: herold status")
        if campaign is not None and campaign not in (row[0], row[0].partition("/")[2]):
            raise NotFound(f"run {run_id} is of {row[0]}, not of {campaign}")
        return run_id
    if campaign is None:
        raise NotFound("which run?", hint="name its campaign, or --run ID")
    namespace, _, name = full_name(connection, "run", campaign).rpartition("/")
    row = connection.execute(
        "SELECT id FROM run WHERE (namespace, name) = (%s, %s) ORDER BY id DESC LIMIT 1", (namespace, name)
    ).fetchone()
    if row is None:
        raise NotFound(f"the ledger knows no run of {campaign[:200]}", hint="see: herold status")
    return int(row[0])


def run_of(connection: Connection, namespace: str, names: Sequence[str], run_id: int | None) -> int:
    """The newest run of one campaign, known by any of `names` (its proofs have another), or its run `run_id`.

    Raises NotFound, which says nothing of other campaigns.
    """
    row = connection.execute(
        """SELECT id FROM run WHERE namespace = %s AND name = ANY (%s) AND (%s::int IS NULL OR id = %s)
           ORDER BY id DESC LIMIT 1""",
        (namespace, list(names), run_id, run_id),
    ).fetchone()
    if row is None:
        which = "run yet" if run_id is None else f"run {run_id}"
        raise NotFound(f"{namespace}/{names[0]} has no {which}")
    return int(row[0])


def sender_id(connection: Connection, sender: str) -> int:
    """A SenderProfile's id in the ledger. Raises NotFound."""
    namespace, _, name = full_name(connection, "sender", sender).rpartition("/")
    row = connection.execute("SELECT id FROM sender WHERE (namespace, name) = (%s, %s)", (namespace, name)).fetchone()
    if row is None:
        raise NotFound(f"no run has used a sender {sender}", hint="a sender is known once a campaign of it has started")
    return int(row[0])


_NAMESPACES: dict[str, LiteralString] = {
    "run": "SELECT DISTINCT namespace FROM run WHERE name = %s ORDER BY 1",
    "sender": "SELECT DISTINCT namespace FROM sender WHERE name = %s ORDER BY 1",
}


def full_name(connection: Connection, table: str, name: str) -> str:
    """`namespace/name` for a `name` of exactly one namespace in `table` (run, sender); else `name` as it is.

    Raises NotFound when several have it.
    """
    if "/" in name:
        return name
    found = [row[0] for row in connection.execute(_NAMESPACES[table], (name,))]
    if len(found) > 1:
        places = " and ".join(f"{each}/{name}" for each in found)
        raise NotFound(f"{name} may be {places}", hint="write the namespace before the name, with a /")
    return f"{found[0]}/{name}" if found else name


def regressed(connection: Connection) -> str | None:
    """Why all claims have stopped: the ledger went backwards. None when it did not."""
    row = connection.execute("SELECT coalesce(regressed_why, '') FROM installation WHERE regressed_at IS NOT NULL")
    found = row.fetchone()
    return None if found is None else str(found[0])


_KNOWN: dict[str, LiteralString] = {
    "Team": "SELECT EXISTS (SELECT FROM run WHERE namespace = %s)",
    "Sender": "SELECT EXISTS (SELECT FROM sender WHERE namespace || '/' || name = %s)",
    "Campaign": "SELECT EXISTS (SELECT FROM run WHERE namespace || '/' || name = %s)",
}


def is_known(connection: Connection, scope: str, target: str) -> bool:
    """Whether the ledger has anything of that team, sender or campaign (`target` as a hold spells it)."""
    return bool(one(connection, _KNOWN[scope], (target,))[0])


@dataclass(frozen=True, slots=True)
class ExistingRun:
    """The run that a campaign's occurrence has already."""

    run_id: int
    suspended: bool


def existing_run(connection: Connection, resolved: ResolvedCampaign) -> ExistingRun | None:
    """The run of this very occurrence, open or closed; None when it never started."""
    campaign = resolved.campaign
    row = connection.execute(
        "SELECT id, suspended AND state = 'Open' FROM run WHERE (namespace, name, occurrence) = (%s, %s, %s)",
        (campaign.metadata.namespace, campaign.metadata.name, campaign.spec.occurrence),
    ).fetchone()
    return None if row is None else ExistingRun(*row)


def next_occurrence(connection: Connection, resolved: ResolvedCampaign) -> int:
    """The least occurrence of this campaign that is greater than all that have run."""
    metadata = resolved.campaign.metadata
    query = "SELECT coalesce(max(occurrence), 0) + 1 FROM run WHERE (namespace, name) = (%s, %s)"
    return int(one(connection, query, (metadata.namespace, metadata.name))[0])
