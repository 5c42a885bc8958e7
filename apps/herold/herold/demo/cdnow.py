"""The CDNOW purchase history: 69,659 purchases by 23,570 customers of a CD shop, January 1997 to June 1998.

Published by Fader and Hardie (brucehardie.com/datasets) and packed as a text file in the `lifetimes` wheel, which is
not imported: only the file is read. A line is: customer, date as YYYYMMDD, number of CDs, dollars.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from herold.errors import NotFound

CUSTOMERS = 23_570
PURCHASES = 69_659


@dataclass(frozen=True, slots=True)
class CdnowPurchase:
    """One purchase; `amount` in dollars, two decimals. Some gifts cost nothing."""

    customer: int
    day: date
    amount: Decimal


def cdnow_file() -> Path:
    """Path of the history. Raises NotFound when the wheel is not installed."""
    spec = importlib.util.find_spec("lifetimes")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / "datasets" / "CDNOW_master.txt"
        if path.is_file():
            return path
    raise NotFound(
        "the CDNOW purchase history is not installed",
        hint="pip install --no-deps --require-hashes -r locks/data.txt",
    )


def read_purchases(path: Path) -> Iterator[CdnowPurchase]:
    """All purchases, by customer and date. Customers are numbered from 1 without gaps."""
    with path.open(encoding="ascii") as file:
        next(file)  # the names of the columns
        for line in file:
            customer, day, _, amount = line.split()
            yield CdnowPurchase(
                int(customer),
                date(int(day[:4]), int(day[4:6]), int(day[6:8])),
                Decimal(amount).quantize(Decimal("0.01")),
            )


def shifted_to(purchases: Iterable[CdnowPurchase], last_day: date) -> dict[int, list[CdnowPurchase]]:
    """Purchases by customer, all moved by the same number of days so that the last of all falls on `last_day`."""
    found = list(purchases)
    shift: timedelta = last_day - max(each.day for each in found)
    by_customer: dict[int, list[CdnowPurchase]] = {}
    for each in found:
        moved = CdnowPurchase(each.customer, each.day + shift, each.amount)
        by_customer.setdefault(each.customer, []).append(moved)
    return by_customer
