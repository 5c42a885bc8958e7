"""A campaign with everything that it names, as it was at one moment: what a run pins, and what two digests speak of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from herold.resources.campaign import Campaign
from herold.resources.contact_schema import ContactSchema
from herold.resources.meta import Reference, Resource
from herold.resources.segment import Segment
from herold.resources.sender import Seed, SenderProfile
from herold.resources.template import MessageTemplate

# What may change while the meaning stays: brakes and notes are not part of the intent.
_BRAKES = ("suspend",)
# Of a SenderProfile: what the platform changes, at once.
_PLATFORMS = ("route", "limits", "warmUp", "retry", "costPerThousand", "currency")
# No declared name holds a ~: the proof of a campaign is never taken for the campaign.
PROOF = "~proof"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a proof shows, and in which of the sender's seeds.

    `intent`: digest of the campaign that it shows. `reader`: in a few words, to whom: somebody made up, who reads
    `locale` and whose attributes are `attributes`, as JSON values.
    """

    intent: str
    locale: str
    reader: str
    attributes: Mapping[str, object]
    seeds: tuple[Seed, ...]

    def to_json(self) -> dict[str, Any]:
        """As the run keeps it; `from_json` reads it back."""
        seeds = [seed.model_dump(mode="json", by_alias=True, exclude_none=True) for seed in self.seeds]
        return {
            "intent": self.intent,
            "locale": self.locale,
            "reader": self.reader,
            "attributes": dict(self.attributes),
            "seeds": seeds,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Proof:
        """Raises pydantic.ValidationError for what a newer program pinned."""
        return cls(**{**content, "seeds": tuple(Seed.model_validate(seed) for seed in content["seeds"])})


@dataclass(frozen=True, slots=True)
class ResolvedCampaign:
    """`segments` holds every segment that is reachable from the audience, in the order of their keys.

    `proof` is there only where it is a proof that was asked for before the merge.
    """

    campaign: Campaign
    segments: tuple[Segment, ...]
    template: MessageTemplate
    sender: SenderProfile
    schema: ContactSchema
    shared_namespace: str
    proof: Proof | None = None

    @property
    def name(self) -> str:
        """`namespace/name`, as people call the campaign."""
        return f"{self.campaign.metadata.namespace}/{self.campaign.metadata.name}"

    def segment(self, reference: Reference, namespace: str) -> Segment:
        """The segment that a reference in a resource of `namespace` means."""
        where = self.shared_namespace if reference.scope == "Shared" else namespace
        return next(s for s in self.segments if s.metadata.namespace == where and s.metadata.name == reference.name)

    @property
    def seeds(self) -> tuple[Seed, ...]:
        """Who gets it when it is a proof."""
        return self.proof.seeds if self.proof is not None else tuple(self.sender.spec.seeds)

    def as_proof(self, occurrence: int, proof: Proof | None = None) -> ResolvedCampaign:
        """The same message to the sender's seed addresses: all of them, or what `proof` says."""
        metadata, spec = self.campaign.metadata, self.campaign.spec
        campaign = self.campaign.model_copy(
            update={
                "metadata": metadata.model_copy(update={"name": metadata.name.removesuffix(PROOF) + PROOF}),
                "spec": spec.model_copy(
                    update={"mode": "Proof", "occurrence": occurrence, "suspend": False, "repeat_policy": "Allow"}
                ),
            }
        )
        return replace(self, campaign=campaign, proof=proof)

    def to_json(self) -> dict[str, Any]:
        """As the run keeps it; `from_json` reads it back."""
        content = {
            "campaign": _plain(self.campaign),
            "segments": [_plain(segment) for segment in self.segments],
            "template": _plain(self.template),
            "sender": _plain(self.sender),
            "schema": _plain(self.schema),
            "sharedNamespace": self.shared_namespace,
        }
        return content if self.proof is None else {**content, "proof": self.proof.to_json()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> ResolvedCampaign:
        """Raises pydantic.ValidationError for what a newer program pinned."""
        return cls(
            _campaign(content["campaign"]),
            tuple(Segment.model_validate(segment) for segment in content["segments"]),
            MessageTemplate.model_validate(content["template"]),
            SenderProfile.model_validate(content["sender"]),
            ContactSchema.model_validate(content["schema"]),
            content["sharedNamespace"],
            Proof.from_json(content["proof"]) if "proof" in content else None,
        )

    def intent_digest(self) -> str:
        """SHA-256 over `intent_of` it; computed from files alone."""
        return _digest(intent_of(self.to_json()))

    def content_digest(self) -> str:
        """SHA-256 over what a recipient reads: template, variables, From. Equal ones repeat a message."""
        sender = self.sender.spec
        return _digest(
            {
                "template": _plain(self.template)["spec"],
                "variables": dict(sorted(self.campaign.spec.message.variables.items())),
                "from": sender.from_.address.lower(),
            }
        )


def intent_of(content: dict[str, Any]) -> dict[str, Any]:
    """What of a campaign, as `to_json` gives it, decides who gets what, and when.

    Brakes are left out, notes too; and routes, limits and warm-up: the platform changes them without asking who wrote
    the campaign.
    """
    campaign, sender = content["campaign"], content["sender"]
    found = {
        **content,
        "campaign": {**campaign, "spec": _without(campaign["spec"], _BRAKES)},
        "sender": {**sender, "spec": _without(sender["spec"], _PLATFORMS)},
    }
    plain: dict[str, Any] = _without_notes(found)
    return plain


def _without(content: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in names}


def _campaign(content: dict[str, Any]) -> Campaign:
    metadata = content["metadata"]
    name = metadata["name"]
    if not name.endswith(PROOF):
        return Campaign.model_validate(content)
    campaign = Campaign.model_validate({**content, "metadata": {**metadata, "name": name.removesuffix(PROOF)}})
    return campaign.model_copy(update={"metadata": campaign.metadata.model_copy(update={"name": name})})


def _plain(resource: Resource) -> dict[str, Any]:
    # Defaults are written out, so that a later default does not change what was meant.
    return resource.model_dump(mode="json", by_alias=True, exclude_none=True)


def _without_notes(content: Any) -> Any:
    if isinstance(content, dict):
        if "metadata" in content and "kind" in content:
            metadata = {key: content["metadata"][key] for key in ("name", "namespace")}
            content = {**content, "metadata": metadata}
        return {key: _without_notes(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_notes(value) for value in content]
    return content


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
