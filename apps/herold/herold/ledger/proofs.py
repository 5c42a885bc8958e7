"""Proofs in the ledger: runs of their own. A seed gets what a proof shows once, however often it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import LiteralString

from herold.audience.addresses import address_hash, normalise
from herold.ledger.database import Connection
from herold.ledger.deliveries import State
from herold.ledger.lookup import next_occurrence
from herold.ledger.runs import prepare_start, start_run
from herold.resources.resolved import Proof, ResolvedCampaign
from herold.resources.sender import Seed


@dataclass(frozen=True, slots=True)
class SeedOutcome:
    """What became of a proof in one seed, by its name. `new`: this command is what sent it."""

    seed: str
    state: State
    run_id: int
    new: bool


# Of one campaign: what has shown the same intent in the same language to the same reader.
_KNOWN: LiteralString = """
    SELECT ru.id, ru.state = 'Open', ARRAY(SELECT address_hash FROM delivery d WHERE d.run_id = ru.id)
    FROM run ru WHERE (ru.namespace, ru.name) = (%s, %s)
      AND ru.resolved -> 'proof' ->> 'intent' = %s AND ru.resolved -> 'proof' ->> 'locale' = %s
      AND ru.resolved -> 'proof' ->> 'reader' = %s
    ORDER BY ru.id"""


@dataclass(frozen=True, slots=True)
class _Standing:
    """`runs` that show it, oldest first; `left`: seeds that no run has."""

    runs: list[int]
    left: tuple[Seed, ...]
    is_open: bool


def is_done(connection: Connection, resolved: ResolvedCampaign, *, key: bytes, again: bool) -> bool:
    """Whether nothing of it is to be sent any more."""
    standing = _standing(connection, resolved, key, again=again)
    return not standing.left and not standing.is_open


def start_proof(
    connection: Connection, resolved: ResolvedCampaign, *, key: bytes, actor: str, again: bool
) -> tuple[list[int], int | None]:
    """(runs that show it, oldest first; the one of them that was started here).

    Seeds that have it already, or are about to get it, are left out; with `again` only the latter. The occurrence of
    `resolved` is not looked at: each start has the next one.
    """
    prepare_start(connection, resolved)
    metadata = resolved.campaign.metadata
    with connection.transaction():
        # Whoever proves the same campaign at the same time waits here, and then finds our run.
        name = f"herold.proof {metadata.namespace}/{metadata.name}"
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))
        standing = _standing(connection, resolved, key, again=again)
        if not standing.left:
            return standing.runs, None
        lacking = replace(_proof(resolved), seeds=standing.left)
        wanted = resolved.as_proof(next_occurrence(connection, resolved), lacking)
        started = start_run(connection, wanted, key=key, actor=actor, at_once=True).run_id
        return [*standing.runs, started], started


def _standing(connection: Connection, resolved: ResolvedCampaign, key: bytes, *, again: bool) -> _Standing:
    proof, metadata = _proof(resolved), resolved.campaign.metadata
    known = connection.execute(
        _KNOWN, (metadata.namespace, metadata.name, proof.intent, proof.locale, proof.reader)
    ).fetchall()
    reached = {bytes(each) for _, is_open, hashes in known if is_open or not again for each in hashes}
    return _Standing(
        [int(run_id) for run_id, _, _ in known],
        tuple(seed for seed in proof.seeds if address_hash(key, normalise(seed.address)) not in reached),
        any(is_open for _, is_open, _ in known),
    )


_OUTCOMES: LiteralString = """
    SELECT d.address_hash, d.run_id, coalesce(o.kind::text, 'waiting')
    FROM delivery d LEFT JOIN LATERAL (
        SELECT kind FROM outcome o WHERE (o.run_id, o.position) = (d.run_id, d.position) ORDER BY attempt DESC LIMIT 1
    ) o ON true
    WHERE d.run_id = ANY (%s) ORDER BY d.run_id"""


def proof_outcomes(
    connection: Connection, resolved: ResolvedCampaign, runs: list[int], *, key: bytes, started: int | None
) -> tuple[SeedOutcome, ...]:
    """By seed, in the order of the proof: the newest of what `runs` have for it."""
    newest = {bytes(row[0]): (int(row[1]), row[2]) for row in connection.execute(_OUTCOMES, (runs,))}
    found = []
    for seed in _proof(resolved).seeds:
        run_id, state = newest[address_hash(key, normalise(seed.address))]
        found.append(SeedOutcome(seed.name or "", state, run_id, run_id == started))
    return tuple(found)


def _proof(resolved: ResolvedCampaign) -> Proof:
    assert resolved.proof is not None
    return resolved.proof
