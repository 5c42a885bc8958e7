"""One row of a contacts file: what it says about one person, checked against the ContactSchema.

A row is a patch. What is blank or absent says nothing; `\\N` in CSV and null in JSON delete.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import available_timezones

from herold.audience.addresses import normalise
from herold.contacts.names import check_header, near
from herold.contacts.reading import CsvRecord, JsonRecord
from herold.contacts.rejects import Reject, csv_text, json_line
from herold.contacts.spreadsheet import unguarded
from herold.contacts.values import READERS, json_text, read_instant, read_string
from herold.errors import Mistake
from herold.resources.contact_schema import AttributeType, ContactSchemaSpec
from herold.resources.scalars import LOCALE_PATTERN

DELETE = "\\N"
CLEARED = ""  # in place of an address, locale or zone that is deleted; None says nothing
MAX_EXTERNAL_ID = 255
# Tombstones of erased contacts carry a keyed hash under this prefix in place of their external id.
TOMBSTONE = "erased:"
FIELDS = ("external_id", "email", "locale", "time_zone")
_CONSENT_FIELDS = ("consent_at", "consent_wording")
_LOCALE = re.compile(LOCALE_PATTERN)


class Evidence(NamedTuple):
    """Consent granted or withdrawn. Without `at`: known at the time of the import."""

    brand: str
    topic: str
    granted: bool
    at: datetime | None
    wording: str | None


class ContactRow(NamedTuple):
    """A checked patch. `attributes` is a JSON object in which null deletes."""

    line: int
    external_id: str
    address: str | None
    locale: str | None
    time_zone: str | None
    attributes: str
    consents: tuple[Evidence, ...]


def read_external_id(value: Any) -> str:
    """The company's own id of a person: text, or a whole number as many systems have it. Raises ValueError."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if text is None or (isinstance(text, str) and not text.strip()):
        raise ValueError("is missing")
    if not isinstance(text, str):
        raise ValueError("is neither text nor a whole number")
    text = text.strip()
    if text.startswith(TOMBSTONE):
        raise ValueError(f"begins with the reserved {TOMBSTONE!r}")
    return read_string(text, longest=MAX_EXTERNAL_ID)


def read_locale(text: str) -> str:
    """`en` or `en-GB`. Raises ValueError."""
    text = text.strip()
    if not _LOCALE.fullmatch(text):
        raise ValueError("is not a locale like en or en-GB")
    return text


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def read_zone(text: str) -> str:
    """A name of the IANA database. Raises ValueError."""
    text = text.strip()
    if text not in _zones():
        raise ValueError("is not a time zone like Europe/Warsaw")
    return text


_BASE: dict[str, Callable[[str], str]] = {"email": normalise, "locale": read_locale, "time_zone": read_zone}


class CsvRows:
    """Reads the rows under one header. Raises InvalidInput that names all columns that nothing declares."""

    def __init__(self, header: list[str], schema: ContactSchemaSpec, *, file: str, now: datetime) -> None:
        self._now = now
        self._width = len(header)
        types: dict[str, AttributeType] = {each.name: each.type for each in schema.attributes}
        subjects = {
            f"consent:{brand}:{topic.name}": (brand, topic.name) for brand in schema.brands for topic in schema.topics
        }
        known = [*FIELDS, *types, *subjects, *_CONSENT_FIELDS]
        check_header(header, known, ("external_id",), file=file)
        at = {name: index for index, name in enumerate(header)}
        self._external_id = at["external_id"]
        self._base = [(name, at.get(name), read) for name, read in _BASE.items()]
        self._attributes = [
            (name, index, READERS[types[name]], types[name] == "String")
            for name, index in at.items()
            if name in types and name not in FIELDS
        ]
        self._consents = [(name, index, *subjects[name]) for name, index in at.items() if name in subjects]
        self._consent_at, self._wording = (at.get(name) for name in _CONSENT_FIELDS)

    def read(self, record: CsvRecord) -> ContactRow | Reject:
        """One row, or every mistake in it."""
        line, fields = record
        if len(fields) != self._width:
            message = f"has {len(fields)} fields, the header {self._width}"
            return Reject(line, "Malformed", message, csv_text(fields))
        mistakes: list[str] = []
        external_id = ""
        try:
            external_id = read_external_id(unguarded(fields[self._external_id]))
        except ValueError as error:
            mistakes.append(f"external_id {error}")
        base: list[str | None] = []
        for name, index, read in self._base:
            text = "" if index is None else fields[index]
            value: str | None = None
            if text == DELETE:
                value = CLEARED
            elif text and not text.isspace():
                try:
                    value = read(text)
                except ValueError as error:
                    mistakes.append(f"{name} {error}")
            base.append(value)
        patch: list[str] = []
        for name, index, read, is_text in self._attributes:
            text = fields[index]
            if text == DELETE:
                patch.append(f'"{name}":null')
            elif text and not text.isspace():
                try:
                    patch.append(f'"{name}":{read(unguarded(text) if is_text else text)}')
                except ValueError as error:
                    mistakes.append(f"{name} {error}")
        consents = self._read_consents(fields, mistakes) if self._consents else ()
        if mistakes:
            return Reject(line, "Invalid", "; ".join(mistakes), csv_text(fields))
        return ContactRow(line, external_id, base[0], base[1], base[2], "{" + ",".join(patch) + "}", consents)

    def _read_consents(self, fields: list[str], mistakes: list[str]) -> tuple[Evidence, ...]:
        at: datetime | None = None
        wording: str | None = None
        found: list[Evidence] = []
        try:
            if self._consent_at is not None and fields[self._consent_at].strip():
                at = read_consent_at(fields[self._consent_at], self._now)
        except ValueError as error:
            mistakes.append(f"consent_at {error}")
        try:
            if self._wording is not None and fields[self._wording].strip():
                wording = read_string(unguarded(fields[self._wording]))
        except ValueError as error:
            mistakes.append(f"consent_wording {error}")
        for name, index, brand, topic in self._consents:
            word = fields[index].strip().lower()
            if word in ("granted", "withdrawn"):
                found.append(Evidence(brand, topic, word == "granted", at, wording))
            elif word:
                mistakes.append(f"{name} is neither granted nor withdrawn")
        return tuple(found)


def read_consent_at(text: str, now: datetime) -> datetime:
    """When consent was given or withdrawn. Evidence from the future would outlast every later withdrawal."""
    at = read_instant(text)
    if at > now:
        raise ValueError("lies in the future")
    return at


class JsonRows:
    """Reads JSON objects: external_id, email, locale, time_zone, attributes {…}, consents [{brand, topic, granted, at,
    wording}]. Names that nothing declares are collected in `unknown`, with the line where each stood first."""

    def __init__(self, schema: ContactSchemaSpec, *, file: str, now: datetime, unknown: dict[str, Mistake]) -> None:
        self._file = file
        self._now = now
        self._types: dict[str, AttributeType] = {each.name: each.type for each in schema.attributes}
        self._subjects = {(brand, topic.name) for brand in schema.brands for topic in schema.topics}
        self.unknown = unknown

    def read(self, record: JsonRecord) -> ContactRow | Reject:
        """One row, or every mistake in it."""
        line, value = record
        mistakes: list[str] = []
        self._note_unknown(line, "", value, [*FIELDS, "attributes", "consents"])
        external_id = ""
        try:
            external_id = read_external_id(value.get("external_id"))
        except ValueError as error:
            mistakes.append(f"external_id {error}")
        base: list[str | None] = []
        for name, read in _BASE.items():
            given = value.get(name, "")
            try:
                if given is not None and not isinstance(given, str):
                    raise ValueError("is not text")
                base.append(CLEARED if given is None else read(given) if given.strip() else None)
            except ValueError as error:
                mistakes.append(f"{name} {error}")
                base.append(None)
        attributes = self._read_attributes(line, value.get("attributes", {}), mistakes)
        consents = self._read_consents(line, value.get("consents", []), mistakes)
        if mistakes:
            return Reject(line, "Invalid", "; ".join(mistakes), json_line(value))
        return ContactRow(line, external_id, base[0], base[1], base[2], attributes, consents)

    def _note_unknown(self, line: int, path: str, value: dict[str, Any], known: list[str]) -> None:
        for name in value.keys() - set(known):
            place = f"{path}{name}"[:200]
            if place not in self.unknown and len(self.unknown) < 100:
                fix = near(name[:200], known)
                self.unknown[place] = Mistake(self._file, line, 1, place, "is not a field known here", fix)

    def _read_attributes(self, line: int, value: Any, mistakes: list[str]) -> str:
        if not isinstance(value, dict):
            mistakes.append("attributes is not an object")
            return "{}"
        self._note_unknown(line, "attributes.", value, list(self._types))
        patch: list[str] = []
        for name, given in value.items():
            if name not in self._types:
                continue
            try:
                if given is None:
                    patch.append(f'"{name}":null')
                elif not isinstance(given, str) or given.strip():
                    patch.append(f'"{name}":{json_text(self._types[name], given)}')
            except ValueError as error:
                mistakes.append(f"attributes.{name} {error}")
        return "{" + ",".join(patch) + "}"

    def _read_consents(self, line: int, value: Any, mistakes: list[str]) -> tuple[Evidence, ...]:
        if not isinstance(value, list):
            mistakes.append("consents is not a list")
            return ()
        found: list[Evidence] = []
        for index, given in enumerate(value):
            try:
                found.append(self._read_consent(line, given))
            except ValueError as error:
                mistakes.append(f"consents[{index}] {error}")
        return tuple(found)

    def _read_consent(self, line: int, given: Any) -> Evidence:
        if not isinstance(given, dict):
            raise ValueError("is not an object")
        self._note_unknown(line, "consents[].", given, ["brand", "topic", "granted", "at", "wording"])
        brand, topic, granted = given.get("brand"), given.get("topic"), given.get("granted")
        at, wording = given.get("at"), given.get("wording")
        if not isinstance(brand, str) or not isinstance(topic, str):
            raise ValueError("names no brand and topic")
        if (brand, topic) not in self._subjects:
            raise ValueError("names a brand or topic that the ContactSchema does not declare")
        if not isinstance(granted, bool):
            raise ValueError("has a `granted` that is neither true nor false")
        if not isinstance(at, str | None) or not isinstance(wording, str | None):
            raise ValueError("has an `at` or `wording` that is not text")
        return Evidence(
            brand,
            topic,
            granted,
            read_consent_at(at, self._now) if at else None,
            read_string(wording) if wording else None,
        )
