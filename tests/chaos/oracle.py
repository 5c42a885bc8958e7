"""The judge: what the relay accepted against the generator's own list of addresses.

The ledger's numbers decide nothing here. It is only asked what it *reports*: a message that the relay never accepted
is lost unless somebody was told (uncertain, failed, suppressed, skipped), and a report that the relay contradicts is
untrue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from herold.ledger.database import Connection

REPORTED = ("uncertain", "failed", "suppressed", "skipped")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one campaign. All lists hold addresses.

    `lost`: not accepted, and nobody says so. `twice`: accepted more than once. `strangers`: accepted, not expected.
    `untrue`: accepted, and reported as failed, suppressed or skipped. `uncertain`: reported so, accepted or not.
    """

    expected: int
    accepted: int
    lost: list[str]
    twice: list[str]
    strangers: list[str]
    untrue: list[str]
    uncertain: list[str]

    @property
    def is_clean(self) -> bool:
        """Nothing lost, nothing twice, nobody else, nothing untrue. How much is uncertain is the caller's bound."""
        return not (self.lost or self.twice or self.strangers or self.untrue)

    def __str__(self) -> str:
        return (
            f"expected {self.expected}, accepted {self.accepted}: lost {len(self.lost)}, twice {len(self.twice)}, "
            f"strangers {len(self.strangers)}, untrue {len(self.untrue)}, uncertain {len(self.uncertain)}"
        )


def judge(expected: Iterable[str], accepted: Iterable[str], reported: Mapping[str, str]) -> Verdict:
    """`expected`: the generator's addresses. `accepted`: one per accepted message. `reported`: address -> kind."""
    wanted = set(expected)
    got = Counter(accepted)
    return Verdict(
        expected=len(wanted),
        accepted=sum(got.values()),
        lost=sorted(address for address in wanted if address not in got and reported.get(address) not in REPORTED),
        twice=sorted(address for address, count in got.items() if count > 1),
        strangers=sorted(address for address in got if address not in wanted),
        untrue=sorted(address for address in got if reported.get(address) in ("failed", "suppressed", "skipped")),
        uncertain=sorted(address for address, kind in reported.items() if kind == "uncertain"),
    )


def accepted_by(log: Path, campaign: str) -> list[str]:
    """Recipients in the sink's log, in order. `campaign`: `name-occurrence:namespace`, from the Feedback-ID."""
    found = []
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            _, of, recipient, _ = line.rstrip("\n").split("\t")
            if of == campaign:
                found.append(recipient)
    return found


def reported_by(connection: Connection, run_id: int) -> dict[str, str]:
    """What the ledger tells people of those whom it does not call sent: address -> kind."""
    rows = connection.execute(
        "SELECT e.address, o.kind::text FROM outcome o "
        "JOIN delivery d ON d.run_id = o.run_id AND d.position = o.position "
        "JOIN endpoint e ON e.contact_id = d.contact_id WHERE o.run_id = %s AND o.kind::text = ANY (%s)",
        (run_id, list(REPORTED)),
    )
    return dict(rows.fetchall())
