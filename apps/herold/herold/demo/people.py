"""Made-up people: the same for the same seed, in Python, so that an oracle knows who must get a campaign without asking
the ledger.

Each person is a pure function of (seed, number, now): nobody is kept in memory, a million are streamed. Names, cities
and habits are invented, addresses lie under reserved domains; only the purchases of the first 23,570 are real (CDNOW).
"""

from __future__ import annotations

import hashlib
import struct
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain, islice

from herold.demo.cdnow import CUSTOMERS, CdnowPurchase, cdnow_file, read_purchases, shifted_to
from herold.demo.places import DOMAINS, FIRST_NAMES, LAST_NAMES, OWN_DOMAINS, PLACES, Place

BRAND = "shop"
TOPICS = ("offers", "news")
CATEGORIES = ("rock", "jazz", "classical", "folk", "soundtracks", "books", "sale")

_PLACE_OF: tuple[Place, ...] = tuple(chain.from_iterable([place] * place.weight for place in PLACES))
_DOMAIN_OF: tuple[str | None, ...] = tuple(
    chain(
        chain.from_iterable([name] * weight for name, weight in DOMAINS), [None] * (1000 - sum(w for _, w in DOMAINS))
    )
)
_DRAWS = struct.Struct("<32H")
Draw = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Consent:
    """Evidence: granted or withdrawn, for the brand `shop`."""

    topic: str
    granted: bool
    at: datetime
    wording: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """A purchase."""

    order_id: str
    at: datetime
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Happening:
    """An event: `page_view` with path and category, `cart_abandoned` with value."""

    name: str
    at: datetime
    properties: dict[str, str | float]


@dataclass(frozen=True, slots=True)
class Person:
    """One customer. `email` is as somebody typed it, `address` its one form; both None for people without."""

    number: int
    external_id: str
    email: str | None
    address: str | None
    locale: str
    time_zone: str | None
    first_name: str | None
    city: str
    country: str
    loyalty_points: int
    lifetime_value: Decimal
    vip: bool
    birthday: date | None
    last_seen: datetime
    suppressed: bool
    consents: tuple[Consent, ...]
    orders: tuple[Order, ...]
    events: tuple[Happening, ...]

    def attributes(self) -> dict[str, str | int | float | bool]:
        """As the ledger keeps them (JSON), for the ContactSchema `customers`; what is not known is not there."""
        values: dict[str, str | int | float | bool] = {
            "city": self.city,
            "country": self.country,
            "loyalty_points": self.loyalty_points,
            "lifetime_value": float(self.lifetime_value),  # two decimals of at most 12 digits: exact in text
            "vip": self.vip,
            "last_seen": self.last_seen.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if self.first_name is not None:
            values["first_name"] = self.first_name
        if self.birthday is not None:
            values["birthday"] = self.birthday.isoformat()
        return values

    def consented(self, topic: str) -> bool:
        """What holds now: the newest evidence."""
        newest = max((each for each in self.consents if each.topic == topic), key=lambda c: c.at, default=None)
        return newest is not None and newest.granted


def people(*, customers: int | None, seed: int, now: datetime) -> Iterator[Person]:
    """The demonstration's customers, by number; None is all 23,570. Raises NotFound without the CDNOW history."""
    yesterday = now.astimezone(UTC).date() - timedelta(days=1)
    bought = shifted_to(read_purchases(cdnow_file()), yesterday)
    wanted = CUSTOMERS if customers is None else customers
    for number in range(1, wanted + 1):
        if number in bought:
            yield _person(seed, number, now, _real_orders(seed, number, bought[number]))
        else:
            yield made_up_person(number, seed=seed, now=now)


def made_up_people(count: int, seed: int, *, now: datetime) -> Iterator[Person]:
    """People number 1 to `count`, purchases made up as well: any number, no CDNOW history needed."""
    return (made_up_person(number, seed=seed, now=now) for number in range(1, count + 1))


def made_up_person(number: int, *, seed: int, now: datetime) -> Person:
    """Person `number` of the seed, without any other."""
    draw = _draws(seed, "orders", number)
    count = (0, 1, 1, 1, 2, 2, 3, 5)[draw() % 8]
    orders = tuple(
        Order(
            f"M{number}-{index + 1}",
            now - timedelta(days=draw() % 540, minutes=1 + draw() % 1440),
            Decimal(499 + draw() % 15_000) / 100,
        )
        for index in range(count)
    )
    return _person(seed, number, now, orders)


def expected_recipients(everybody: Iterable[Person], topic: str = "offers") -> set[str]:
    """Who must get a campaign to all on this topic: addresses of people who agreed, less the suppressed; one each.

    The generator's own list, made without the ledger. Suppression is the address's: it holds for all who share it.
    """
    agreed: set[str] = set()
    suppressed: set[str] = set()
    for person in everybody:
        if person.address is None:
            continue
        if person.suppressed:
            suppressed.add(person.address)
        if person.consented(topic):
            agreed.add(person.address)
    return agreed - suppressed


def chunks(everybody: Iterable[Person], size: int) -> Iterator[Sequence[Person]]:
    """The same people, `size` at a time."""
    source = iter(everybody)
    while chunk := list(islice(source, size)):
        yield chunk


def _draws(seed: int, what: str, number: int) -> Draw:
    """32 numbers below 65,536, always the same for the same three; faster than seeding a generator."""
    digest = hashlib.blake2b(f"{seed}:{what}:{number}".encode(), digest_size=64).digest()
    return iter(_DRAWS.unpack(digest)).__next__


def _person(seed: int, number: int, now: datetime, orders: tuple[Order, ...]) -> Person:
    draw = _draws(seed, "person", number)
    place = _PLACE_OF[draw() % len(_PLACE_OF)]
    language = place.locale[:2]
    first, _ = _names(seed, number, language)
    has_address = draw() % 100 > 0
    # One in a hundred reads the mail of the person before: two contacts, one address.
    shares = number > 1 and draw() % 100 == 0
    address = _address(seed, number - 1 if shares else number) if has_address else None
    events = _events(seed, number, now)
    spent = sum((order.amount for order in orders), Decimal(0))
    born = date(1940, 1, 1) + timedelta(days=draw() % 24_000)
    return Person(
        number=number,
        external_id=f"C{number:07d}",
        email=_as_typed(address, draw()),
        address=address,
        locale=place.locale,
        time_zone=place.time_zone if draw() % 50 else None,
        first_name=first if draw() % 25 else None,
        city=place.city,
        country=place.country,
        loyalty_points=int(spent) * 10 + draw() % 100,
        lifetime_value=spent,
        vip=spent >= 300,
        birthday=born if draw() % 5 else None,
        last_seen=max(
            chain(
                (order.at for order in orders),
                (event.at for event in events),
                [now - timedelta(days=600 + draw() % 400)],
            )
        ).replace(microsecond=0),
        suppressed=draw() % 66 == 0,
        consents=_consents(draw, now, language),
        orders=orders,
        events=events,
    )


def _names(seed: int, number: int, language: str) -> tuple[str, str]:
    draw = _draws(seed, "name", number)
    firsts, lasts = FIRST_NAMES[language], LAST_NAMES[language]
    return firsts[draw() % len(firsts)], lasts[draw() % len(lasts)]


def _address(seed: int, number: int) -> str:
    """The address that person `number` was given: nobody else's, for the number is in it."""
    draw = _draws(seed, "person", number)
    language = _PLACE_OF[draw() % len(_PLACE_OF)].locale[:2]
    first, last = _names(seed, number, language)
    pick = _draws(seed, "address", number)
    domain = _DOMAIN_OF[pick() % len(_DOMAIN_OF)]
    if domain is None:
        own = OWN_DOMAINS[language]
        domain = own[pick() % len(own)]
    local = f"{first}.{last}.{number}" if pick() % 2 else f"{last}{number}"
    return f"{_ascii(local)}@{domain}"


_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ł": "l"})


def _ascii(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKD", text.lower().translate(_SPELLED)).encode("ascii", "ignore").decode()


def _as_typed(address: str | None, draw: int) -> str | None:
    """People type their address in more ways than one."""
    if address is None or draw % 20:
        return address
    return address.title() if draw % 40 else f" {address} "


def _consents(draw: Draw, now: datetime, language: str) -> tuple[Consent, ...]:
    wording = {"pl": "Tak, chcę dostawać oferty", "de": "Ja, ich möchte Angebote", "en": "Yes, send me offers"}[
        language
    ]
    joined = now.replace(microsecond=0) - timedelta(days=60 + draw() % 1000, minutes=draw() % 1440)
    later = joined + timedelta(days=1 + draw() % 50)
    kind = draw() % 200
    found: list[Consent] = []
    if kind >= 3:  # 1.5 % were never asked
        found.append(Consent("offers", kind != 3, joined, wording if kind != 3 else None))
    if 4 <= kind < 8:  # 2 % agreed and then thought better of it
        found.append(Consent("offers", False, later, None))
    if kind == 3 and draw() % 2:  # a few came back
        found.append(Consent("offers", True, later, wording))
    news = draw() % 100
    if news < 60:
        found.append(Consent("news", news >= 5, joined, wording if news >= 5 else None))
    return tuple(found)


def _events(seed: int, number: int, now: datetime) -> tuple[Happening, ...]:
    draw = _draws(seed, "events", number)
    found: list[Happening] = []
    for _ in range((0, 0, 1, 1, 2, 3, 4, 6)[draw() % 8]):
        category = CATEGORIES[draw() % len(CATEGORIES)]
        at = now - timedelta(days=draw() % 120, seconds=60 + draw() % 65_000)
        found.append(Happening("page_view", at, {"path": f"/{category}/{draw() % 500}", "category": category}))
    if draw() % 100 < 15:
        at = now - timedelta(days=draw() % 60, seconds=60 + draw() % 65_000)
        found.append(Happening("cart_abandoned", at, {"value": (499 + draw() % 20_000) / 100}))
    return tuple(found)


def _real_orders(seed: int, number: int, bought: Sequence[CdnowPurchase]) -> tuple[Order, ...]:
    draw = _draws(seed, "hours", number)
    base = draw()
    return tuple(
        Order(
            f"O{number}-{index + 1}",
            # The history has days only: an hour between 8 and 22, another for each.
            datetime.combine(each.day, time(8), UTC) + timedelta(seconds=(base * 7919 + index * 104_729) % 50_400),
            each.amount,
        )
        for index, each in enumerate(bought)
    )
