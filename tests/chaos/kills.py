"""Many sends, many `kill -9`, one verdict. Run by `make chaos N=… KILLS=… SEED=…`.

Workers are killed at random moments while the relay or the ledger is slowed in turns, so that kills fall in every phase
of a window; which one, the victim's evidence and the ledger tell at once after its death. Exit 1 unless nothing was
lost, nothing was sent twice, no more is uncertain than was in flight at the kills, and the run closed.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import UUID

from chaos.rig import Rig, rig, wait_until
from herold.ledger.senders import sync_sender
from herold.worker.evidence import testimony

STARTING = "no lease yet"
IDLE = "no window"
CLAIMED = "claimed, nothing begun"
UNDER_WAY = "text under way"
BETWEEN = "between two messages"
ANSWERED = "all answered, receipt not recorded"
UNSEEN = "taken over before we looked"
PHASES = (STARTING, IDLE, CLAIMED, UNDER_WAY, BETWEEN, ANSWERED, UNSEEN)

SECONDS_A_KILL = 1.5  # a new worker needs about one to be of use
MOODS = ("slow replies", "slow accepting", "slow commits")


@dataclass(slots=True)
class Tally:
    """What the kills met. Phases are counted for each slot of a victim."""

    phases: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    kills: int = 0


def phase_of(kinds: list[str]) -> str:
    """Of one window of a dead worker, from what its evidence says of each message."""
    if "uncertain" in kinds:
        return UNDER_WAY
    if "sent" not in kinds:
        return CLAIMED
    return BETWEEN if "returned" in kinds else ANSWERED


def kill_one(world: Rig, chance: random.Random, slots: int, tally: Tally) -> None:
    """Kill a worker, and find out where it was."""
    leases: dict[int, UUID] = dict(
        world.connection.execute("SELECT pid, id FROM worker WHERE ended_at IS NULL").fetchall()
    )
    ready = [process for process in world.crew if process.pid in leases]
    victim = chance.choice(ready if ready and chance.random() < 0.9 else world.crew)
    worker = leases.get(victim.pid)
    world.kill(victim)
    tally.kills += 1
    if worker is None:
        tally.phases[STARTING] += slots
        return
    said = testimony(world.settings.evidence_dir, worker)
    if said is None:
        tally.phases[UNSEEN] += slots
        tally.in_flight += slots
        return
    try:  # while its evidence is locked nobody takes it over
        windows = world.connection.execute(
            "SELECT slot, id, cardinality(positions) FROM send_window WHERE worker_id = %s", (worker,)
        ).fetchall()
        kinds = {slot: [str(kind) for kind in said.kinds(slot, window, count)] for slot, window, count in windows}
    finally:
        said.close(forget=False)
    for slot in range(slots):
        tally.phases[phase_of(kinds[slot]) if slot in kinds else IDLE] += 1
        tally.in_flight += kinds.get(slot, []).count("uncertain")


def set_mood(world: Rig, mood: str, rate: float, connections: int) -> None:
    """Slow one part so far that about `rate` messages a second get through."""
    replies = 4 * rate / connections  # a message takes four
    world.sink.control.change("delay-ms", f"{1000 / replies:.3f}" if mood == "slow replies" else "0")
    world.sink.control.change("accept-rate", f"{rate:.0f}" if mood == "slow accepting" else "0")
    world.connection.execute(f"ALTER SYSTEM SET commit_delay = {100_000 if mood == 'slow commits' else 0}".encode())
    world.connection.execute("SELECT pg_reload_conf()")
    pace = f"{max(1, round(rate))}" if mood == "slow commits" else "1000000"
    sync_sender(world.connection, world.campaign(per_second=pace).sender)


def run(world: Rig, *, count: int, kills: int, seed: int, workers: int, slots: int) -> tuple[Tally, int]:
    """Send to everybody through all kills. The tally, and the run's id."""
    chance = random.Random(seed)
    rate = count / (kills + 1) / SECONDS_A_KILL
    moments = sorted(chance.uniform(0.01, 0.98) * count for _ in range(kills))
    run_id = world.start(world.campaign())
    for _ in range(workers):
        world.worker(slots=slots)
    world.wait_registered(1)
    tally = Tally()
    for moment in moments:
        set_mood(world, chance.choice(MOODS), rate, workers * slots)
        wait_until(lambda at=moment: world.sink.control.counts()["accepted"] >= at, "more is sent", 600)  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.05))
        kill_one(world, chance, slots, tally)
        world.worker(slots=slots)
        if kills <= 50 or tally.kills % 10 == 0:
            accepted = world.sink.control.counts()["accepted"]
            print(f"  {tally.kills:4}/{kills} killed, {accepted:8}/{count} accepted", flush=True)
    set_mood(world, "", rate, workers * slots)
    return tally, run_id


def main(argv: list[str] | None = None) -> int:
    """The command line; see the module."""
    parser = argparse.ArgumentParser(prog="chaos.kills", description="Sends, kills, counts who got what.")
    parser.add_argument("--count", type=int, default=20_000, help="recipients")
    parser.add_argument("--kills", type=int, default=20, help="kill -9 of workers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--slots", type=int, default=2, help="of each worker")
    parser.add_argument("--folder", type=Path, default=Path("build/chaos"), help="for the JSON")
    given = parser.parse_args(argv)
    began = time.monotonic()
    with rig(given.count, config="commit_siblings = 0") as world:
        print(f"seed {given.seed}: {given.count} people, {given.kills} kills, {given.workers} x {given.slots} slots")
        tally, run_id = run(
            world, count=given.count, kills=given.kills, seed=given.seed, workers=given.workers, slots=given.slots
        )
        closed = True
        try:
            status = world.wait_closed(run_id, 300)
        except TimeoutError as error:
            print(error)
            closed, status = False, world.status(run_id)
        verdict = world.verdict(run_id)
        told = status.sent + status.failed + status.suppressed + status.skipped + status.uncertain
    seconds = time.monotonic() - began
    print("kills by phase (each slot of a victim):")
    for phase in PHASES:
        print(f"  {phase:36} {tally.phases[phase]:5}  {'#' * min(60, tally.phases[phase])}")
    print(f"{verdict}; in flight at the kills {tally.in_flight}; {'closed' if closed else 'NOT CLOSED'}")
    passed = closed and verdict.is_clean and len(verdict.uncertain) <= tally.in_flight and told == given.count
    result = {
        "count": given.count, "kills": given.kills, "seed": given.seed, "workers": given.workers, "slots": given.slots,
        "seconds": round(seconds, 1), "phases": {phase: tally.phases[phase] for phase in PHASES},
        "in_flight": tally.in_flight, "closed": closed, "passed": passed,
        **{name: len(value) if isinstance(value, list) else value for name, value in asdict(verdict).items()},
    }  # fmt: skip
    given.folder.mkdir(parents=True, exist_ok=True)
    path = given.folder / f"kills-{given.seed}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(f"{'PASSED' if passed else 'FAILED'} in {seconds:.0f} s; {path}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
