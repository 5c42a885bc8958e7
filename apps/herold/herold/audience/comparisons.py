"""Comparisons with attributes and properties, in SQL over jsonb.

A value of another type than the declared one, or that can't be read as it, is like a missing one and never an error:
numbers are compared as numeric, dates and instants as text of one fixed form, whose order is theirs.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

from herold.audience.parameters import Parameters
from herold.errors import HeroldError
from herold.resources.contact_schema import Attribute, AttributeType
from herold.resources.segment import Comparison, Operator
from herold.resources.values import OPERATORS, TypedValue, parse_value

# Dates that exist (ISO 8601, years 0001 to 9999): PostgreSQL 15 can't be asked whether a text is a date.
_DATE = (
    "(?!0000)(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
)
DATE_FORM = f"^{_DATE}$"
INSTANT_FORM = f"^{_DATE}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"

_SIGNS: dict[Operator, str] = {"LessThan": "<", "AtMost": "<=", "AtLeast": ">=", "GreaterThan": ">"}
# What is stored is whole seconds: against an instant between two, < and <= are the same, and so are >= and >.
_SIGNS_BETWEEN: dict[Operator, str] = {"LessThan": "<=", "AtMost": "<=", "AtLeast": ">", "GreaterThan": ">"}


def known_sql(column: str, attribute: Attribute, parameters: Parameters) -> str:
    """True where the attribute is there, with a value of its declared type; false or null elsewhere."""
    value = f"({column} -> {parameters.add(attribute.name, 'text')})"
    return _known(value, attribute.type)


def comparison_sql(column: str, comparison: Comparison, attribute: Attribute, parameters: Parameters) -> str:
    """True where `column` (jsonb) has the attribute, and it compares so; false or null elsewhere.

    Raises HeroldError or ValueError for what validation refuses: an operator or a value of another type.
    """
    if comparison.operator not in OPERATORS[attribute.type]:
        raise HeroldError(
            f"{comparison.operator} does not go with {attribute.name}, which is of type {attribute.type}",
            hint="run: herold validate",
        )
    value = f"({column} -> {parameters.add(attribute.name, 'text')})"
    if comparison.operator == "Exists":
        return _known(value, attribute.type)
    given = [parse_value(attribute.type, text) for text in comparison.values]
    if comparison.operator == "In":
        texts = [text for each in given if (text := stored_form(each)) is not None]
        return f"{value} = ANY ({parameters.add(texts, 'text[]::jsonb[]')})"
    match given[0]:
        case str(text):
            if not _can_be_stored(text):
                return "false"
            test = f"starts_with({value} #>> '{{}}', {parameters.add(text, 'text')})"
        case datetime() as moment:
            signs = _SIGNS_BETWEEN if moment.microsecond else _SIGNS
            test = _text_order(value, signs[comparison.operator], instant_text(moment), parameters)
        case date() as day:
            test = _text_order(value, _SIGNS[comparison.operator], day.isoformat(), parameters)
        case number:
            test = f"{value}::numeric {_SIGNS[comparison.operator]} {parameters.add(Decimal(number), 'numeric')}"
    # CASE, and not AND: only it promises that the test is not tried on what it can't read.
    return f"CASE WHEN {_known(value, attribute.type)} THEN {test} END"


def stored_form(value: TypedValue) -> str | None:
    """The JSON text under which the ledger keeps a value, or None when it never could."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False) if _can_be_stored(value) else None
        case datetime():
            return None if value.microsecond else f'"{instant_text(value)}"'
        case date():
            return f'"{value.isoformat()}"'
        case _:
            return format(value, "f") if isinstance(value, Decimal) else str(value)


def instant_text(moment: datetime) -> str:
    """The whole second of an instant, as the ledger writes it."""
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:  # in the first or last hours that a datetime can say
        utc = datetime.min.replace(tzinfo=UTC) if moment.year == 1 else datetime.max.replace(tzinfo=UTC)
    return utc.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _can_be_stored(text: str) -> bool:
    # PostgreSQL's text has neither NUL nor lone surrogates: nobody's value is equal to one with them.
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _text_order(value: str, sign: str, text: str, parameters: Parameters) -> str:
    return f"({value} #>> '{{}}') COLLATE \"C\" {sign} {parameters.add(text, 'text')}"


def _known(value: str, type_: AttributeType) -> str:
    match type_:
        case "String":
            return f"jsonb_typeof({value}) = 'string'"
        case "Boolean":
            return f"jsonb_typeof({value}) = 'boolean'"
        case "Decimal":
            return f"jsonb_typeof({value}) = 'number'"
        case "Integer":
            return f"CASE WHEN jsonb_typeof({value}) = 'number' THEN trunc({value}::numeric) = {value}::numeric END"
        case "Date" | "Timestamp":
            form = DATE_FORM if type_ == "Date" else INSTANT_FORM
            return f"CASE WHEN jsonb_typeof({value}) = 'string' THEN ({value} #>> '{{}}') ~ '{form}' END"
