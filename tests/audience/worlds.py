"""Random schemas, segments, campaigns and people for hypothesis, small enough that every condition meets its edge."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

from hypothesis import strategies as st

from audience.naive import Bought, Happened, Person
from herold.audience.addresses import address_hash, domain_of
from herold.ledger.database import Connection
from herold.resources import Campaign, ContactSchema, Segment, SenderProfile
from herold.resources.contact_schema import AttributeType
from herold.resources.resolved import ResolvedCampaign
from herold.resources.values import OPERATORS
from parts.campaigns import SHARED, TEAM, small_campaign

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = b"k" * 32
BRANDS, TOPICS, EVENTS = ("shop", "club"), ("offers", "news"), ("opened", "viewed")
ATTRIBUTES = ("a", "b", "c", "d")
TYPES: tuple[AttributeType, ...] = get_args(AttributeType)
HOSTILE = (
    "'",
    "'; DROP TABLE contact; --",
    '"',
    "\\",
    "\\'",
    "%",
    "%s",
    "%(p1)s",
    "%%",
    "_",
    "{}",
    "$1",
    "--",
    "/*",
    "\0",
    "null",
    "\u2028",
    "ß",
    "😀",
    " ",
)
VALUES: dict[AttributeType, tuple[str, ...]] = {
    "String": ("a", "ab", "b", "A", "", *HOSTILE),
    "Integer": ("0", "1", "-1", "+2", "007", "999999999999999999"),
    "Decimal": ("0", "0.5", "-0.5", "1.50", "1.5", "0.000000001"),
    "Boolean": ("true", "false"),
    "Date": ("2026-11-24", "2026-11-23", "2024-02-29", "0001-01-01", "9999-12-31"),
    "Timestamp": (
        "2026-11-24T12:00:00Z",
        "2026-11-24T12:00Z",
        "2026-11-24T13:00:00+01:00",
        "2026-11-24T12:00:00.5Z",
        "2026-11-24T11:59:59.999999Z",
        "1969-12-31T23:59:59.5Z",
    ),
}
# As the import keeps values, and as nobody should.
STORED: tuple[Any, ...] = (
    *(text for text in VALUES["String"] if "\0" not in text),
    *(0, 1, -1, 2, 7, 12.5, 0.5, -0.5, 1.5, 1e-9, 1.0, 999999999999999999),
    *(True, False, None, [], {}, ["a"], {"a": 1}),
    *("2026-11-24", "2026-11-23", "2024-02-29", "2023-02-29", "1900-02-29", "2026-02-30", "0000-01-01", "2026-1-1"),
    *("2026-11-24\n", "2026-13-01", "2026-04-31", "0001-01-01", "9999-12-31"),
    *("2026-11-24T12:00:00Z", "2026-11-24T11:59:59Z", "2026-11-24T12:00:01Z", "2026-11-24T24:00:00Z"),
    *("2026-11-24T12:00:00", "2026-11-24T12:00:00+00:00", "2026-11-24 12:00:00Z", "1969-12-31T23:59:59Z"),
    *("2026-02-29T12:00:00Z", "12", "1", "true", "infinity", "now", "epoch"),
)
DURATIONS = ("1s", "1h", "1d", "30d", "365d", "99999d")
AGES = tuple(
    timedelta(seconds=seconds)
    for seconds in (-3600, -1, 0, 1, 3599, 3600, 3601, 86399, 86400, 86401, 30 * 86400, 31 * 86400, 400 * 86400)
)
DOMAINS = ("shop.example", "example.com", "mail.example.org", "corp.internal", "example.com.internal")


@dataclass(frozen=True)
class World:
    resolved: ResolvedCampaign
    people: list[Person]
    suppressed: set[str]


def _some(values: tuple[Any, ...], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True)


@st.composite
def comparisons(draw: st.DrawFn, declared: dict[str, AttributeType]) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(declared)))
    operator = draw(st.sampled_from(OPERATORS[declared[name]]))
    pool = VALUES[declared[name]]
    values = [] if operator == "Exists" else draw(_some(pool)) if operator == "In" else [draw(st.sampled_from(pool))]
    return {"name": name, "operator": operator, "values": values}


@st.composite
def counts(draw: st.DrawFn) -> dict[str, Any]:
    asked: dict[str, Any] = {"atLeast": draw(st.sampled_from((0, 1, 1, 2, 3)))}
    if draw(st.booleans()):
        asked["atMost"] = asked["atLeast"] + draw(st.integers(0, 2))
    for key in ("within", "lastOlderThan"):
        if draw(st.booleans()):
            asked[key] = draw(st.sampled_from(DURATIONS))
    return asked


@st.composite
def conditions(
    draw: st.DrawFn, attributes: dict[str, AttributeType], properties: dict[str, AttributeType], below: list[str]
) -> dict[str, Any]:
    kinds = ["attribute", "attribute", "event", "event", "order", "consent", *(["segmentRef"] if below else [])]
    kind = draw(st.sampled_from(kinds))
    inner: dict[str, Any]
    if kind == "attribute":
        inner = draw(comparisons(attributes))
    elif kind == "event":
        where = draw(st.lists(comparisons(properties), max_size=2))
        inner = {"name": draw(st.sampled_from(EVENTS)), **draw(counts()), "where": where}
    elif kind == "order":
        inner = draw(counts())
        for key in ("totalAtLeast", "totalAtMost"):
            if draw(st.integers(0, 3)) == 0:
                inner[key] = draw(st.sampled_from(("0", "0.5", "10", "12.50")))
    elif kind == "consent":
        inner = {"brand": draw(st.sampled_from(BRANDS)), "topic": draw(st.sampled_from(TOPICS))}
    else:
        inner = {"name": draw(st.sampled_from(below))}
    return {"negate": draw(st.booleans()), kind: inner}


@st.composite
def people(draw: st.DrawFn, id_: int) -> Person:
    stored = st.sampled_from(STORED)
    record = st.dictionaries(st.sampled_from(ATTRIBUTES), stored, max_size=4)
    events = st.builds(Happened, st.sampled_from(EVENTS), st.sampled_from(AGES).map(lambda age: NOW - age), record)
    amounts = st.sampled_from(("0.5", "10", "-0.5", "2.5")).map(Decimal)
    orders = st.builds(Bought, st.sampled_from(AGES).map(lambda age: NOW - age), amounts)
    address = st.builds("{}@{}".format, st.sampled_from("pqr"), st.sampled_from(DOMAINS))
    subjects = st.tuples(st.sampled_from(BRANDS), st.sampled_from(TOPICS))
    return Person(
        id_,
        draw(record if draw(st.integers(0, 9)) else stored),
        draw(st.one_of(st.none(), address, address, address)),
        draw(st.sampled_from((None, "en", "pl-PL"))),
        draw(st.sampled_from((None, "Europe/Warsaw", "UTC"))),
        seed=draw(st.integers(0, 9)) == 0,
        erased=draw(st.integers(0, 9)) == 0,
        events=tuple(draw(st.lists(events, max_size=4))),
        orders=tuple(draw(st.lists(orders, max_size=3))),
        consents={("shop", "offers"): True, **draw(st.dictionaries(subjects, st.booleans(), max_size=3))},
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    attributes = {name: draw(st.sampled_from(TYPES)) for name in ATTRIBUTES}
    properties = {name: draw(st.sampled_from(TYPES)) for name in ATTRIBUTES}
    names = ["s0", "s1", "s2", "s3"]
    groups = {
        name: draw(
            st.lists(
                st.lists(conditions(attributes, properties, names[index + 1 :]), min_size=1, max_size=3), max_size=2
            )
        )
        for index, name in enumerate(names)
    }
    resolved = campaign_to(
        groups,
        attributes,
        properties,
        include=draw(_some(tuple(names), 2)),
        exclude=draw(_some(tuple(names), 1)) if draw(st.integers(0, 2)) == 0 else [],
        message_class=draw(st.sampled_from(("Marketing", "Marketing", "Transactional"))),
        allow={"domains": ["corp.internal"]} if draw(st.booleans()) else {"addresses": ["P@corp.internal"]},
    )
    everybody = [draw(people(id_)) for id_ in range(1, 1 + draw(st.integers(1, 12)))]
    suppressed = {each.address for each in everybody if each.address and draw(st.integers(0, 7)) == 0}
    return World(resolved, everybody, suppressed)


def campaign_to(
    groups: dict[str, list[list[dict[str, Any]]]],
    attributes: dict[str, AttributeType],
    properties: dict[str, AttributeType] | None = None,
    *,
    include: list[str],
    exclude: list[str] | None = None,
    message_class: str = "Marketing",
    allow: dict[str, list[str]] | None = None,
    lanes: list[dict[str, Any]] | None = None,
) -> ResolvedCampaign:
    """A campaign to segments: `groups` are their `anyOf` lists by name; all of schema and sender is declared."""
    base = small_campaign()
    campaign = base.campaign.model_dump(mode="json", by_alias=True, exclude_none=True)
    campaign["spec"]["audience"] |= {
        "segmentRefs": [{"name": name} for name in include],
        "excludeRefs": [{"name": name} for name in exclude or []],
    }
    campaign["spec"]["messageClass"] = message_class
    sender = base.sender.model_dump(mode="json", by_alias=True, exclude_none=True)
    sender["spec"]["allow"] = allow or {}
    sender["spec"]["limits"]["lanes"] = lanes or []
    declared = [{"name": name, "type": type_} for name, type_ in (properties or {}).items()]
    return ResolvedCampaign(
        Campaign.model_validate(campaign),
        tuple(
            Segment.model_validate(
                {
                    "kind": "Segment",
                    "metadata": {"name": name, "namespace": TEAM},
                    "spec": {
                        "schemaRef": {"name": "customers", "scope": "Shared"},
                        "allOf": [{"anyOf": group} for group in groups[name]],
                    },
                }
            )
            for name in sorted(groups)
        ),
        base.template,
        SenderProfile.model_validate(sender),
        ContactSchema.model_validate(
            {
                "kind": "ContactSchema",
                "metadata": {"name": "customers", "namespace": SHARED},
                "spec": {
                    "attributes": [{"name": name, "type": type_} for name, type_ in attributes.items()],
                    "events": [{"name": name, "properties": declared} for name in EVENTS],
                    "brands": list(BRANDS),
                    "topics": [{"name": name} for name in TOPICS],
                },
            }
        ),
        SHARED,
    )


def store(connection: Connection, people: list[Person], suppressed: set[str]) -> None:
    """Write people into an empty ledger."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO contact (id, attributes, locale, time_zone, seed, erased_at) VALUES (%s, %s, %s, %s, %s, %s)",
            [
                (
                    p.id,
                    json.dumps(p.attributes, ensure_ascii=False),
                    p.locale,
                    p.time_zone,
                    p.seed,
                    NOW if p.erased else None,
                )
                for p in people
            ],
        )
        cursor.executemany(
            "INSERT INTO endpoint (contact_id, channel, address, address_hash, domain) "
            "VALUES (%s, 'Email', %s, %s, %s)",
            [(p.id, p.address, address_hash(KEY, p.address), domain_of(p.address)) for p in people if p.address],
        )
        cursor.executemany(
            "INSERT INTO event (contact_id, name, at, properties) VALUES (%s, %s, %s, %s)",
            [(p.id, e.name, e.at, json.dumps(e.properties, ensure_ascii=False)) for p in people for e in p.events],
        )
        cursor.executemany(
            "INSERT INTO purchase (contact_id, order_id, at, amount) VALUES (%s, %s, %s, %s)",
            [(p.id, f"{p.id}/{n}", o.at, o.amount) for p in people for n, o in enumerate(p.orders)],
        )
        cursor.executemany(
            "INSERT INTO consent_subject (brand, topic, channel) VALUES (%s, %s, 'Email') ON CONFLICT DO NOTHING",
            sorted({subject for p in people for subject in p.consents}),
        )
        cursor.executemany(
            "INSERT INTO consent (contact_id, subject, granted, at, source) "
            "SELECT %s, id, %s, %s, 'test' FROM consent_subject WHERE brand = %s AND topic = %s",
            [(p.id, granted, NOW, *subject) for p in people for subject, granted in p.consents.items()],
        )
        cursor.executemany(
            "INSERT INTO suppression (address_hash, reason, source) VALUES (%s, 'test', 'test')",
            [(address_hash(KEY, address),) for address in sorted(suppressed)],
        )
