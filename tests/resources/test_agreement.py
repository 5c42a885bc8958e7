"""References resolve, names are declared where they are used, and values have the declared type."""

# ruff: noqa: E501  (one case a line)

from __future__ import annotations

import pytest

from herold.errors import Mistake
from herold.resources.agreement import check_agreement
from herold.resources.catalogue import Catalogue
from herold.resources.references import MAX_SEGMENT_DEPTH
from resources.worlds import CAMPAIGN, SEGMENT, SENDER, TEMPLATE, changed, line_of, mistake, mistakes, world

ATTRIBUTE = '{name: points, operator: AtLeast, values: ["100"]}'


@pytest.mark.parametrize(
    ("file", "old", "new", "path", "message", "fix"),
    [
        # References.
        ("campaign.yaml", "{name: buyers}", "{name: byers}", "spec.audience.segmentRefs[0].name", "Segment byers does not exist in namespace shop", "write buyers"),
        ("campaign.yaml", "    maxRecipients", "    excludeRefs: [{name: nobody}]\n    maxRecipients", "spec.audience.excludeRefs[0].name", "Segment nobody does not exist in namespace shop", "declare it, or write one of buyers"),
        ("campaign.yaml", "{name: spring}\n    sender", "{name: autumn}\n    sender", "spec.message.templateRef.name", "MessageTemplate autumn does not exist in namespace shop", "declare it, or write one of spring"),
        ("campaign.yaml", "{name: newsletter, scope: Shared}", "{name: newsletter}", "spec.message.senderRef.name", "SenderProfile newsletter does not exist in namespace shop", "add scope: Shared: it exists in the shared namespace"),
        ("campaign.yaml", "{name: newsletter, scope: Shared}", "{name: newsleter}", "spec.message.senderRef.name", "SenderProfile newsleter does not exist in namespace shop", "write newsletter, and add scope: Shared: that one exists in the shared namespace"),
        ("campaign.yaml", "{name: buyers}", "{name: buyers, scope: Shared}", "spec.audience.segmentRefs[0].name", "Segment buyers does not exist in namespace shared", "remove scope: Shared: it exists beside this resource"),
        ("segment.yaml", "{name: customers, scope: Shared}", "{name: costumers, scope: Shared}", "spec.schemaRef.name", "ContactSchema costumers does not exist in namespace shared", "write customers"),
        ("template.yaml", "scope: Shared", "scope: Namespace", "spec.schemaRef.name", "ContactSchema customers does not exist in namespace shop", "add scope: Shared: it exists in the shared namespace"),
        ("segment.yaml", "order: {atLeast: 1}", "segmentRef: {name: vips}", "spec.allOf[0].anyOf[0].segmentRef.name", "Segment vips does not exist in namespace shop", "declare it, or write one of buyers"),
        # Names that the ContactSchema declares.
        ("segment.yaml", "{name: points,", "{name: pionts,", "spec.allOf[0].anyOf[1].attribute.name", "pionts is not an attribute that ContactSchema customers declares", "write points"),
        ("segment.yaml", "{name: points,", "{name: shoe_size,", "spec.allOf[0].anyOf[1].attribute.name", "shoe_size is not an attribute that ContactSchema customers declares", "write one of birthday, first_name, last_seen, points, value and vip, or declare it"),
        ("segment.yaml", "name: page_view", "name: pageviews", "spec.allOf[0].anyOf[2].event.name", "pageviews is not an event that ContactSchema customers declares", "write page_view"),
        ("segment.yaml", "{name: path,", "{name: paht,", "spec.allOf[0].anyOf[2].event.where[0].name", "paht is not a property of event page_view that ContactSchema customers declares", "write path"),
        ("segment.yaml", "brand: shop", "brand: shops", "spec.allOf[0].anyOf[3].consent.brand", "shops is not a brand that ContactSchema customers declares", "write shop"),
        ("segment.yaml", "topic: news", "topic: newz", "spec.allOf[0].anyOf[3].consent.topic", "newz is not a topic that ContactSchema customers declares", "write news"),
        ("template.yaml", "[{name: first_name, default", "[{name: firstname, default", "spec.attributeDefaults[0].name", "firstname is not an attribute that ContactSchema customers declares", "write first_name"),
        ("campaign.yaml", "topic: offers", "topic: offer", "spec.message.topic", "offer is not a topic that ContactSchema customers declares", "write offers"),
        ("sender.yaml", "brand: shop\n", "brand: outlet\n", "spec.message.senderRef.name", "SenderProfile newsletter is of brand outlet, which is not one that ContactSchema customers declares", "name a sender of brand shop, or declare the brand"),
        # Operators and values agree with the type.
        ("segment.yaml", ATTRIBUTE, "{name: first_name, operator: GreaterThan, values: [A]}", "spec.allOf[0].anyOf[1].attribute.operator", "GreaterThan does not go with first_name, which is of type String", "write one of In, Exists, StartsWith"),
        ("segment.yaml", ATTRIBUTE, "{name: points, operator: StartsWith, values: ['1']}", "spec.allOf[0].anyOf[1].attribute.operator", "StartsWith does not go with points, which is of type Integer", "write one of In, Exists, LessThan, AtMost, AtLeast, GreaterThan"),
        ("segment.yaml", ATTRIBUTE, "{name: vip, operator: AtLeast, values: ['true']}", "spec.allOf[0].anyOf[1].attribute.operator", "AtLeast does not go with vip, which is of type Boolean", "write one of In, Exists"),
        ("segment.yaml", '["100"]', "[many]", "spec.allOf[0].anyOf[1].attribute.values[0]", "'many' is not of type Integer", "write a whole number like '12'"),
        ("segment.yaml", ATTRIBUTE, "{name: points, values: ['1', '1.5']}", "spec.allOf[0].anyOf[1].attribute.values[1]", "'1.5' is not of type Integer", "write a whole number like '12'"),
        ("segment.yaml", ATTRIBUTE, "{name: value, values: ['1e3']}", "spec.allOf[0].anyOf[1].attribute.values[0]", "'1e3' is not of type Decimal", "write a number like '12.50'"),
        ("segment.yaml", ATTRIBUTE, "{name: vip, values: ['yes']}", "spec.allOf[0].anyOf[1].attribute.values[0]", "'yes' is not of type Boolean", "write 'true' or 'false'"),
        ("segment.yaml", ATTRIBUTE, "{name: birthday, values: [2026-02-30]}", "spec.allOf[0].anyOf[1].attribute.values[0]", "'2026-02-30' is not of type Date", "write a date like '2026-12-01'"),
        ("segment.yaml", ATTRIBUTE, "{name: last_seen, operator: AtLeast, values: [2026-12-01T09:00:00]}", "spec.allOf[0].anyOf[1].attribute.values[0]", "'2026-12-01T09:00:00' is not of type Timestamp", "write a moment like '2026-12-01T09:00:00Z'"),
        ("segment.yaml", "{name: path, operator: StartsWith, values: [/sale]}", "{name: seconds, operator: AtLeast, values: [long]}", "spec.allOf[0].anyOf[2].event.where[0].values[0]", "'long' is not of type Integer", "write a whole number like '12'"),
        # Variables.
        ("campaign.yaml", "{discount: ", "{rebate: x, discount: ", "spec.message.variables.rebate", "rebate is not a variable that MessageTemplate spring declares", "write one of discount and until, or declare it"),
        ("campaign.yaml", "{discount: ", "{discuont: ", "spec.message.variables.discuont", "discuont is not a variable that MessageTemplate spring declares", "write discount"),
        ("campaign.yaml", '{discount: "15"}', "{}", "spec.message.variables", "discount is missing: MessageTemplate spring has no default for it", "write discount below variables"),
    ],
)  # fmt: skip
def test_resources_that_do_not_agree_give_one_mistake_with_the_fix(
    file: str, old: str, new: str, path: str, message: str, fix: str
) -> None:
    (found,) = mistakes(changed(file, old, new))
    assert (found.path, found.message, found.fix) == (path, message, fix)
    where = "campaign.yaml" if file == "sender.yaml" else file
    text = changed(file, old, new).get(where, CAMPAIGN)
    named = path.rpartition(".")[2].partition("[")[0]
    assert found.file == where
    assert named in text.splitlines()[found.line - 1]


@pytest.mark.parametrize(
    "condition",
    [
        "{name: first_name, operator: Exists}",
        "{name: first_name, values: [Anna, '12']}",
        "{name: points, operator: LessThan, values: ['-5']}",
        "{name: value, operator: GreaterThan, values: ['12.50']}",
        "{name: vip, values: ['true', 'false']}",
        "{name: birthday, operator: AtMost, values: [1990-01-31]}",
        "{name: last_seen, operator: LessThan, values: ['2026-12-01T09:00:00Z']}",
        "{name: last_seen, operator: AtLeast, values: ['2026-12-01T09:00:00.5+01:00']}",
    ],
)
def test_values_of_the_declared_type_are_right(condition: str) -> None:
    assert mistakes(changed("segment.yaml", ATTRIBUTE, condition)) == []


def test_a_reference_to_a_resource_with_mistakes_of_its_own_is_no_second_mistake() -> None:
    assert mistake("template.yaml", "subject: Spring sale", "subjekt: Spring sale").path == "spec.contents[0].subjekt"
    assert mistake("schema.yaml", "type: Integer}\n    - {name: value", "type: Int}\n    - {name: value").fix


def test_references_of_a_resource_with_other_mistakes_are_checked_all_the_same() -> None:
    text = CAMPAIGN.replace("audience:", "audiance:").replace("buyers", "byers").replace(", scope: Shared", "")
    found = mistakes(
        {"campaign.yaml": text.replace("50000", "many"), "segment.yaml": SEGMENT.replace("brand:", "band:")}
    )
    assert [(each.path, each.fix) for each in found if "exist" in each.message] == [
        ("spec.audiance.segmentRefs[0].name", "write buyers"),
        ("spec.message.senderRef.name", "add scope: Shared: it exists in the shared namespace"),
    ]


def segment(name: str, *refs: str) -> str:
    """A segment that names others."""
    conditions = "".join(f"        - segmentRef: {{name: {ref}}}\n" for ref in refs) or "        - order: {}\n"
    head, _, _ = SEGMENT.partition("        - order")
    return head.replace("name: buyers", f"name: {name}") + conditions


def test_a_circle_of_segments_is_refused_once_and_named() -> None:
    texts = {"a.yaml": segment("a", "b"), "b.yaml": segment("b", "c"), "c.yaml": segment("c", "buyers", "a")}
    (found,) = mistakes(texts)
    assert found.message == "goes round in a circle: a -> b -> c -> a"
    assert (found.file, found.path) == ("c.yaml", "spec.allOf[0].anyOf[1].segmentRef.name")
    assert found.line == line_of(texts["c.yaml"], "name: a}")


def test_a_segment_that_names_itself_is_a_circle() -> None:
    (found,) = mistakes({"a.yaml": segment("a", "a")})
    assert found.message == "goes round in a circle: a -> a"


def test_two_ways_to_one_segment_are_no_circle() -> None:
    texts = {"a.yaml": segment("a", "b", "c"), "b.yaml": segment("b", "buyers"), "c.yaml": segment("c", "buyers", "b")}
    assert mistakes(texts) == []


def test_a_chain_of_segments_is_refused_where_it_gets_too_deep_however_long_it_is() -> None:
    texts = {f"s{n}.yaml": segment(f"s{n}", *([f"s{n - 1}"] if n else [])) for n in range(3_000)}
    found = mistakes(texts)
    assert all("levels deep" in each.message for each in found)
    assert f"s{MAX_SEGMENT_DEPTH}.yaml" in {each.file for each in found}
    assert mistakes({f"s{n}.yaml": texts[f"s{n}.yaml"] for n in range(MAX_SEGMENT_DEPTH)}) == []


def test_segments_that_double_with_every_file_are_refused_before_they_are_written_out() -> None:
    texts = {f"s{n}.yaml": segment(f"s{n}", *([f"s{n - 1}"] * 10 if n else [])) for n in range(10)}
    found = mistakes(texts)
    assert {each.message for each in found} == {
        "has more than 1000 conditions with those of the segments that it names"
    }
    assert "s4.yaml" in {each.file for each in found}


OTHER_SCHEMA = """\
apiVersion: herold.dev/v1alpha1
kind: ContactSchema
metadata: {name: partners, namespace: shared}
spec: {brands: [shop], topics: [{name: offers}, {name: news}]}
"""
PARTNERS = """\
apiVersion: herold.dev/v1alpha1
kind: Segment
metadata: {name: partners, namespace: shop}
spec: {schemaRef: {name: partners, scope: Shared}}
"""


@pytest.mark.parametrize(
    ("file", "old", "new", "path", "words"),
    [
        ("campaign.yaml", "[{name: buyers}]", "[{name: buyers}, {name: partners}]", "spec.audience.segmentRefs[1].name", "Segment partners is about shared/partners, and this is about shared/customers"),
        ("campaign.yaml", "    max", "    excludeRefs: [{name: partners}]\n    max", "spec.audience.excludeRefs[0].name", "Segment partners is about shared/partners"),
        ("segment.yaml", "order: {atLeast: 1}", "segmentRef: {name: partners}", "spec.allOf[0].anyOf[0].segmentRef.name", "Segment partners is about shared/partners"),
    ],
)  # fmt: skip
def test_segments_and_template_of_a_campaign_have_one_schema(
    file: str, old: str, new: str, path: str, words: str
) -> None:
    others = {"partners.yaml": OTHER_SCHEMA, "segment-partners.yaml": PARTNERS}
    (found,) = mistakes(changed(file, old, new) | others)
    assert found.path == path
    assert found.message.startswith(words)


def test_a_sender_or_template_for_another_channel_is_refused() -> None:
    # There is one channel today, so that a file can't say another.
    right = world()
    key = ("MessageTemplate", "shop", "spring")
    template = right.resources[key]
    spec = template.spec.model_copy(update={"channel": "Sms"})  # type: ignore[attr-defined]
    resources = {**right.resources, key: template.model_copy(update={"spec": spec})}
    found: list[Mistake] = check_agreement(Catalogue("shared", resources, right.documents))
    assert [(each.path, each.message) for each in found] == [
        ("spec.message.templateRef.name", "MessageTemplate spring is for Sms, and this is Email")
    ]


def test_references_stay_inside_the_namespace_or_go_to_the_shared_one() -> None:
    other = {"other.yaml": SEGMENT.replace("namespace: shop", "namespace: rivals").replace("buyers", "rivals")}
    found = mistakes(changed("campaign.yaml", "{name: buyers}", "{name: rivals}") | other)
    assert [each.message for each in found] == ["Segment rivals does not exist in namespace shop"]


def test_everything_of_a_campaign_may_lie_in_the_shared_namespace() -> None:
    texts = {
        "segment.yaml": SEGMENT.replace("namespace: shop", "namespace: shared"),
        "template.yaml": TEMPLATE.replace("namespace: shop", "namespace: shared"),
        "campaign.yaml": CAMPAIGN.replace("{name: buyers}", "{name: buyers, scope: Shared}").replace(
            "{name: spring}\n", "{name: spring, scope: Shared}\n"
        ),
        "sender.yaml": SENDER,
    }
    assert mistakes(texts) == []
