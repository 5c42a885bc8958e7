"""Is a resource right, with all that it names? The same checks as `herold validate`, on the cluster's objects."""

from __future__ import annotations

from dataclasses import dataclass, field

from herold.errors import Mistake
from herold.message.source import template_mistakes
from herold.resources.agreement import check_agreement
from herold.resources.campaign import Campaign
from herold.resources.catalogue import Catalogue
from herold.resources.contact_schema import ContactSchema
from herold.resources.declared import Declared
from herold.resources.meta import Key, Resource
from herold.resources.references import check_references, check_segments
from herold.resources.resolved import ResolvedCampaign
from herold.resources.template import MessageTemplate
from herold_operator.conditions import Condition
from herold_operator.reasons import Reason
from herold_operator.world import World


@dataclass(frozen=True, slots=True)
class Verdict:
    """`resource` is None when its own shape is wrong. `resolved` only for a campaign without any mistake."""

    mistakes: tuple[Mistake, ...]
    missing: bool
    resource: Resource | None
    resolved: ResolvedCampaign | None = None
    digest: str = ""


@dataclass(slots=True)
class Judge:
    """Judges resources of a world. Templates are compiled once for each version of them and of their schema."""

    world: World
    _templates: dict[Key, tuple[MessageTemplate, ContactSchema, tuple[Mistake, ...]]] = field(default_factory=dict)

    def verdict(self, key: Key) -> Verdict:
        """All mistakes of `key` and of what it names."""
        declared, shaped = self.world.closure(key)
        mistakes = [mistake for each in shaped for mistake in each.mistakes]
        missing = check_references(declared, self.world.names)
        mistakes += missing
        mistakes += check_segments(declared)
        mistakes += check_agreement(declared)
        mistakes += self._inside_templates(declared)
        resource = declared.resources.get(key)
        found = tuple(sorted(set(mistakes)))
        if found or not isinstance(resource, Campaign):
            return Verdict(found, bool(missing), resource)
        resolved = Catalogue(declared.shared_namespace, declared.resources, declared.documents).resolved(resource)
        return Verdict((), False, resource, resolved, resolved.intent_digest())

    def _inside_templates(self, declared: Declared) -> list[Mistake]:
        found: list[Mistake] = []
        for key, template in declared.resources.items():
            if not isinstance(template, MessageTemplate):
                continue
            schema = declared.find(ContactSchema, template.spec.schema_ref, key[1])
            if schema is None:
                continue
            known = self._templates.get(key)
            if known is None or known[0] is not template or known[1] is not schema:
                mistakes = tuple(
                    declared.mistake(key, each.path, each.message, each.fix)
                    for each in template_mistakes(template, schema)
                    if each.path[:2] != ("spec", "attributeDefaults")
                )
                known = self._templates[key] = (template, schema, mistakes)
            found += known[2]
        return found


def build_validity(verdict: Verdict, what: str = "resource") -> Condition:
    """The condition Valid of what somebody calls a `what`."""
    if not verdict.mistakes:
        return Condition(Reason.ACCEPTED, f"The {what} and everything that it names are right.")
    reason = Reason.REFERENCE_NOT_FOUND if verdict.missing else Reason.INVALID_SPEC
    return Condition(reason, _sentence(verdict.mistakes))


def _sentence(mistakes: tuple[Mistake, ...], most: int = 8) -> str:
    """Mistakes as the message of a condition."""
    lines = [
        f"{each.file}: {each.path + ': ' if each.path else ''}{each.message}{f' ({each.fix})' if each.fix else ''}"
        for each in mistakes[:most]
    ]
    if len(mistakes) > most:
        lines.append(f"and {len(mistakes) - most} more")
    return "; ".join(lines)[:4000]
