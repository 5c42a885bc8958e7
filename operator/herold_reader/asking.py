"""What may be asked, and how: every mistake of a question is named, and none of its values is repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from herold.contacts.finding import ContactId, ExternalId, MailAddress, Who
from herold.errors import InvalidInput, Mistake
from herold.ledger.deliveries import State
from herold_reader.protocol import PAGE_ROWS

RunId = Annotated[int, Field(ge=1, le=2**31 - 1)]
Question = TypeVar("Question", bound="Asked")


class Asked(BaseModel):
    """Base of all questions: what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, hide_input_in_errors=True)


class AskedPlan(Asked):
    """What would it do?"""

    format: Literal["text", "json", "markdown", "html"] = "text"
    sample: bool = False


class AskedReport(Asked):
    """What did it come to?"""

    format: Literal["json", "html"] = "json"
    run: RunId | None = None


class AskedDeliveries(Asked):
    """One page of deliveries, those behind position `after`."""

    run: RunId | None = None
    outcome: State | None = None
    after: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=PAGE_ROWS)] = PAGE_ROWS


class AskedHold(Asked):
    """Carry out now what the annotation says."""


class AskedExplanation(Asked):
    """Why did this person get it, or not?"""

    run: RunId | None = None
    contact_id: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    external_id: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    address: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None

    @model_validator(mode="after")
    def _one_person(self) -> AskedExplanation:
        if sum(each is not None for each in (self.contact_id, self.external_id, self.address)) != 1:
            raise ValueError("name the person once: contactId, externalId or address")
        return self

    @property
    def who(self) -> Who:
        """The person."""
        if self.contact_id is not None:
            return ContactId(self.contact_id)
        if self.external_id is not None:
            return ExternalId(self.external_id)
        return MailAddress(self.address or "")


def read_question(kind: type[Question], query: Mapping[str, str], body: str) -> Question:
    """From the query of a GET, or the JSON body of a POST. Raises InvalidInput."""
    values: Any = dict(query)
    if body:
        try:
            values = json.loads(body)
        except ValueError:
            raise InvalidInput([Mistake("request", 0, 0, "", "the body is not JSON")], what="request") from None
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        mistakes = [
            Mistake("request", 0, 0, ".".join(str(part) for part in item["loc"]), item["msg"])
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise InvalidInput(mistakes, what="request") from None
