"""What resources say of each other agrees: names are declared where they are used, values have the declared type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from herold.errors import Mistake
from herold.resources.campaign import Campaign
from herold.resources.contact_schema import Attribute, ContactSchema
from herold.resources.declared import Declared
from herold.resources.meta import Key, Reference
from herold.resources.nearest import listed, nearest
from herold.resources.paths import Path
from herold.resources.segment import Comparison, Condition, Segment
from herold.resources.sender import SenderProfile
from herold.resources.template import MessageTemplate
from herold.resources.values import OPERATORS, parse_value


def check_agreement(declared: Declared) -> list[Mistake]:
    """All disagreements. References that lead nowhere are passed over: they are named elsewhere."""
    check = _Check(declared)
    for key, resource in declared.resources.items():
        match resource:
            case Segment():
                check.segment(key, resource)
            case MessageTemplate():
                check.template(key, resource)
            case Campaign():
                check.campaign(key, resource)
    return check.found


class _Check:
    def __init__(self, declared: Declared) -> None:
        self.found: list[Mistake] = []
        self._declared = declared

    def _say(self, key: Key, path: Path, message: str, fix: str | None = None) -> None:
        self.found.append(self._declared.mistake(key, path, message, fix))

    def _known(self, key: Key, path: Path, name: str, names: Iterable[str], what: str) -> bool:
        """Say so when `name` is not among `names`. `what` reads on: "is not …"."""
        names = list(names)
        if name in names:
            return True
        near = nearest(name, names)
        fix = f"write {near}" if near else f"write one of {listed(names)}, or declare it" if names else "declare it"
        self._say(key, path, f"{name} is not {what}", fix)
        return False

    def segment(self, key: Key, segment: Segment) -> None:
        schema = self._declared.find(ContactSchema, segment.spec.schema_ref, key[1])
        for first, group in enumerate(segment.spec.all_of):
            for second, condition in enumerate(group.any_of):
                path = ("spec", "allOf", first, "anyOf", second)
                if condition.segment_ref is not None:
                    ours = self._declared.target(ContactSchema, segment.spec.schema_ref, key[1])
                    self._same_schema(key, (*path, "segmentRef"), condition.segment_ref, ours)
                elif schema is not None:
                    self._condition(key, path, condition, schema)

    def _condition(self, key: Key, path: Path, condition: Condition, schema: ContactSchema) -> None:
        where = f"ContactSchema {schema.metadata.name} declares"
        if comparison := condition.attribute:
            names = {each.name: each for each in schema.spec.attributes}
            self._comparison(key, (*path, "attribute"), comparison, names, f"an attribute that {where}")
        elif asked := condition.event:
            events = {each.name: each for each in schema.spec.events}
            if self._known(key, (*path, "event", "name"), asked.name, events, f"an event that {where}"):
                names = {each.name: each for each in events[asked.name].properties}
                for index, comparison in enumerate(asked.where):
                    here, what = (*path, "event", "where", index), f"a property of event {asked.name} that {where}"
                    self._comparison(key, here, comparison, names, what)
        elif consent := condition.consent:
            here = (*path, "consent")
            self._known(key, (*here, "brand"), consent.brand, schema.spec.brands, f"a brand that {where}")
            topics = [topic.name for topic in schema.spec.topics]
            self._known(key, (*here, "topic"), consent.topic, topics, f"a topic that {where}")

    def _comparison(
        self, key: Key, path: Path, comparison: Comparison, names: Mapping[str, Attribute], what: str
    ) -> None:
        if not self._known(key, (*path, "name"), comparison.name, names, what):
            return
        declared = names[comparison.name].type
        operators = OPERATORS[declared]
        if comparison.operator not in operators:
            message = f"{comparison.operator} does not go with {comparison.name}, which is of type {declared}"
            self._say(key, (*path, "operator"), message, f"write one of {', '.join(operators)}")
        for index, value in enumerate(comparison.values):
            try:
                parse_value(declared, value)
            except ValueError as error:
                message, _, fix = str(error).partition("; write ")
                self._say(key, (*path, "values", index), message, f"write {fix}")

    def _same_schema(self, key: Key, path: Path, reference: Reference, ours: Key) -> None:
        """The segment that is named must be about the same people, those of the ContactSchema `ours`."""
        segment = self._declared.find(Segment, reference, key[1])
        if segment is None:
            return
        theirs = self._declared.target(ContactSchema, segment.spec.schema_ref, segment.metadata.namespace)
        if ours != theirs and {ours, theirs} <= self._declared.documents.keys():
            message = (
                f"Segment {reference.name} is about {theirs[1]}/{theirs[2]}, and this is about {ours[1]}/{ours[2]}"
            )
            self._say(key, (*path, "name"), message, "name a segment with the same ContactSchema")

    def template(self, key: Key, template: MessageTemplate) -> None:
        schema = self._declared.find(ContactSchema, template.spec.schema_ref, key[1])
        if schema is None:
            return
        names = [attribute.name for attribute in schema.spec.attributes]
        what = f"an attribute that ContactSchema {schema.metadata.name} declares"
        for index, default in enumerate(template.spec.attribute_defaults):
            self._known(key, ("spec", "attributeDefaults", index, "name"), default.name, names, what)

    def campaign(self, key: Key, campaign: Campaign) -> None:
        message = campaign.spec.message
        template = self._declared.find(MessageTemplate, message.template_ref, key[1])
        sender = self._declared.find(SenderProfile, message.sender_ref, key[1])
        for other, path in ((template, "templateRef"), (sender, "senderRef")):
            if other is not None and other.spec.channel != message.channel:
                words = f"{other.kind} {other.metadata.name} is for {other.spec.channel}, and this is {message.channel}"
                self._say(key, ("spec", "message", path, "name"), words, "name one for the same channel")
        if template is None:
            return
        self._variables(key, campaign, template)
        home = template.metadata.namespace
        self._audience(key, campaign, self._declared.target(ContactSchema, template.spec.schema_ref, home))
        schema = self._declared.find(ContactSchema, template.spec.schema_ref, home)
        if schema is None:
            return
        where = f"ContactSchema {schema.metadata.name} declares"
        topics = [topic.name for topic in schema.spec.topics]
        self._known(key, ("spec", "message", "topic"), message.topic, topics, f"a topic that {where}")
        if sender is not None and sender.spec.brand not in schema.spec.brands:
            words = (
                f"SenderProfile {sender.metadata.name} is of brand {sender.spec.brand}, which is not one that {where}"
            )
            fix = f"name a sender of brand {listed(schema.spec.brands)}, or declare the brand"
            self._say(key, ("spec", "message", "senderRef", "name"), words, fix)

    def _audience(self, key: Key, campaign: Campaign, schema: Key) -> None:
        audience = campaign.spec.audience
        for field, references in (("segmentRefs", audience.segment_refs), ("excludeRefs", audience.exclude_refs)):
            for index, reference in enumerate(references):
                self._same_schema(key, ("spec", "audience", field, index), reference, schema)

    def _variables(self, key: Key, campaign: Campaign, template: MessageTemplate) -> None:
        given, path = campaign.spec.message.variables, ("spec", "message", "variables")
        declared = {variable.name: variable for variable in template.spec.variables}
        what = f"a variable that MessageTemplate {template.metadata.name} declares"
        meant = {nearest(name, declared) for name in given if name not in declared}
        for name in given:
            self._known(key, (*path, name), name, declared, what)
        for name, variable in declared.items():
            if variable.default is None and name not in given and name not in meant:
                words = f"{name} is missing: MessageTemplate {template.metadata.name} has no default for it"
                self._say(key, path, words, f"write {name} below variables")
