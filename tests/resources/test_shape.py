"""A wrong resource gives every mistake with its line, its path, and what to write instead."""

# ruff: noqa: E501  (one case a line)

from __future__ import annotations

import pytest

from herold.resources.shape import MAX_MISTAKES
from resources.worlds import CAMPAIGN, SEGMENT, WORLD, changed, line_of, mistake, mistakes, world


def test_the_world_is_right() -> None:
    assert len(world().resources) == len(WORLD)


@pytest.mark.parametrize(
    ("file", "old", "new", "path", "message", "fix"),
    [
        # Unknown fields, at any depth, and near misses.
        ("campaign.yaml", "  audience:", "  audiance:", "spec.audiance", "is not a field here", "write audience"),
        ("campaign.yaml", "maxRecipients", "max_recipients", "spec.audience.max_recipients", "is not a field here", "write maxRecipients"),
        ("campaign.yaml", "{from: ", "{form: ", "spec.schedule.quietHours.form", "is not a field here", "write from"),
        ("segment.yaml", "operator: AtLeast", "operatr: AtLeast", "spec.allOf[0].anyOf[1].attribute.operatr", "is not a field here", "write operator"),
        ("campaign.yaml", "  schedule:\n", "  quietHours: {from: '21:00', to: '08:00'}\n  schedule:\n", "spec.quietHours", "is not a field here", "it belongs to spec.schedule"),
        ("campaign.yaml", "  governance:", "  colour: red\n  governance:", "spec.colour", "is not a field here", "remove it; known here: "),
        ("campaign.yaml", "spec:\n", "status: {}\nspec:\n", "status", "is not a field here", "remove it; known here: "),
        ("campaign.yaml", "namespace: shop", "namspace: shop", "metadata.namspace", "is not a field of metadata", "write namespace"),
        # What is missing.
        ("campaign.yaml", "  governance: {owner: shop-team}\n", "", "spec.governance", "is missing", "write it: Who answers for it"),
        ("campaign.yaml", "    timeZone: Europe/Warsaw\n", "", "spec.schedule.timeZone", "is missing", "write it: IANA name of the zone in which `at` is meant"),
        ("campaign.yaml", "{owner: shop-team}", "", "spec.governance", "is empty", "write a value, or leave the field out"),
        ("campaign.yaml", '{from: "21:00", to: "08:00"}', "null", "spec.schedule.quietHours", "is empty", "write a value, or leave the field out"),
        # Types, as the API server has them.
        ("campaign.yaml", 'discount: "15"', "discount: 15", "spec.message.variables.discount", "must be text, and 15 is not", "write '15', in quotes"),
        ("segment.yaml", '["100"]', "[true]", "spec.allOf[0].anyOf[1].attribute.values[0]", "must be text, and true is not", "write 'true', in quotes"),
        ("campaign.yaml", "50000", "'50000'", "spec.audience.maxRecipients", "must be a whole number, and '50000' is not", "write 50000 without quotes"),
        ("campaign.yaml", "  audience:", "  suspend: 'false'\n  audience:", "spec.suspend", "must be true or false, and 'false' is not", "write false without quotes"),
        ("campaign.yaml", "  audience:", "  suspend: 1\n  audience:", "spec.suspend", "must be true or false, and 1 is not", "write true or false"),
        ("campaign.yaml", "[{name: buyers}]", "{name: buyers}", "spec.audience.segmentRefs", "must be a list, and a mapping is not", "begin each entry with '- '"),
        ("campaign.yaml", "{owner: shop-team}", "shop-team", "spec.governance", "must be a mapping of fields, and 'shop-team' is not", "write its fields below it, indented"),
        # Values.
        ("campaign.yaml", "  audience:", "  mode: Alive\n  audience:", "spec.mode", "'Alive' is not allowed here", "write Live"),
        ("campaign.yaml", "  audience:", "  messageClass: X\n  audience:", "spec.messageClass", "'X' is not allowed here", "write one of Marketing, Transactional"),
        ("campaign.yaml", "50000", "0", "spec.audience.maxRecipients", "0 is less than 1", "write 1 or more"),
        ("campaign.yaml", "50000", "100000001", "spec.audience.maxRecipients", "100000001 is more than 100000000", "write 100000000 or less"),
        ("campaign.yaml", "[{name: buyers}]", "[]", "spec.audience.segmentRefs", "has fewer than 1 entries", "add what is missing"),
        ("campaign.yaml", "name: buyers", "name: Buyers!", "spec.audience.segmentRefs[0].name", "'Buyers!' does not fit", "write a name of lower-case letters, digits and '-', like spring-sale"),
        ("campaign.yaml", "{discount: ", '{"Dis count": x, discount: ', "spec.message.variables['Dis count']", "'Dis count' is not a name that may stand here", "write a name of lower-case letters, digits and '_', like first_name"),
        ("campaign.yaml", "2026-12-01T09:00:00", "2026-12-01T09:00:00Z", "spec.schedule.at", "is longer than 19 characters", "shorten it"),
        ("campaign.yaml", "2026-12-01T09:00:00", "tomorrow", "spec.schedule.at", "'tomorrow' does not fit", "write a local date and time like 2026-12-01T09:00:00, without an offset"),
        ("campaign.yaml", "2026-12-01T", "2026-02-30T", "spec.schedule.at", "'2026-02-30T09:00:00' is not a date and time that exists: day is out of range for month", None),
        ("campaign.yaml", "Europe/Warsaw", "Europe/Warschau", "spec.schedule.timeZone", "'Europe/Warschau' is not a time zone", "write Europe/Warsaw"),
        ("sender.yaml", '"800"', '"0"', "spec.limits.perSecond", "'0' is not a rate", "write messages a second as a string like '800' or '0.5'"),
        # Rules of more than one field.
        ("campaign.yaml", '"08:00"', '"21:00"', "spec.schedule.quietHours", "from and to are the same", "leave quietHours out, or name two times"),
        ("campaign.yaml", "    timeZone:", "    expiresAfter: 31d\n    timeZone:", "spec.schedule.expiresAfter", "expiresAfter must lie between 1m and 30d, and 31d does not", None),
        ("segment.yaml", ', values: ["100"]', "", "spec.allOf[0].anyOf[1].attribute.values", "AtLeast takes exactly one value", "write one value"),
        ("segment.yaml", "order: {atLeast: 1}", "order: {atMost: 0}", "spec.allOf[0].anyOf[0].order.atMost", "nobody can match: at least 1 and at most 0", "write atLeast: 0 too"),
        ("segment.yaml", "        - consent:", "          order: {}\n        - consent:", "spec.allOf[0].anyOf[2]", "a condition is one thing, and this is event and order", "write one condition (a list item) for each"),
        ("template.yaml", "defaultLocale: en", "defaultLocale: de", "spec.defaultLocale", "defaultLocale de has no entry in contents", "write one of en, or add that content"),
        ("sender.yaml", "host: localhost", "host: mail.example", "spec.route.tls", "tls None is allowed to this machine only", "write StartTls or Implicit"),
        ("schema.yaml", "{name: news}", "{name: offers}", "spec.topics[1].name", "offers stands here twice", "remove or rename one of the two"),
        # What it is at all.
        ("campaign.yaml", "v1alpha1", "v1alpha2", "apiVersion", "'herold.dev/v1alpha2' is not a version of Herold", "write herold.dev/v1alpha1"),
        ("campaign.yaml", "herold.dev", "herald.dev", "apiVersion", "'herald.dev/v1alpha1' is not a version of Herold", "write herold.dev/v1alpha1"),
        ("campaign.yaml", "kind: Campaign", "kind: Campain", "kind", "'Campain' is not a kind of resource", "write Campaign"),
        ("campaign.yaml", "kind: Campaign", "kind: Job", "kind", "'Job' is not a kind of resource", "write one of Campaign, CampaignApproval, ContactSchema, MessageTemplate, Segment and SenderProfile"),
        ("campaign.yaml", "kind: Campaign\n", "", "kind", "is missing", "write one of "),
        ("campaign.yaml", "apiVersion: herold.dev/v1alpha1\n", "", "apiVersion", "is missing", "write apiVersion: herold.dev/v1alpha1"),
        ("campaign.yaml", "apiVersion", "apiversion", "apiVersion", "is missing", "write apiVersion: herold.dev/v1alpha1 instead of apiversion"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_its_path_and_the_fix(
    file: str, old: str, new: str, path: str, message: str, fix: str | None
) -> None:
    found = [each for each in mistakes(changed(file, old, new)) if each.path == path]
    assert len(found) == 1, mistakes(changed(file, old, new))
    assert found[0].message == message
    assert (found[0].fix or "").startswith(fix or "")
    assert bool(found[0].fix) == bool(fix)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("campaign.yaml", "  audience:", "  audiance:", "audiance"),
        ("campaign.yaml", "50000", "'50000'", "maxRecipients"),
        ("campaign.yaml", "namespace: shop", "namspace: shop", "namspace"),
        ("campaign.yaml", "    timeZone: Europe/Warsaw\n", "", "schedule:"),
        ("campaign.yaml", '"08:00"', "08:00", "quietHours"),
        ("template.yaml", "    - locale: en", "    - locale: english", "english"),
    ],
)
def test_a_mistake_stands_in_the_line_that_has_to_be_changed(file: str, old: str, new: str, words: str) -> None:
    texts = changed(file, old, new)
    first = min(each for each in mistakes(texts) if each.file == file)
    assert first.line == line_of(texts[file], words)


def test_a_misspelled_field_is_one_mistake_and_not_also_a_missing_one() -> None:
    assert mistake("campaign.yaml", "  audience:", "  audiance:").path == "spec.audiance"
    assert mistake("campaign.yaml", "namespace: shop", "namspace: shop").path == "metadata.namspace"


def test_all_mistakes_of_all_files_come_at_once() -> None:
    wrong_campaign = CAMPAIGN.replace("audience:", "audiance:").replace('"21:00"', "21:00").replace("50000", "many")
    wrong_campaign = wrong_campaign.replace("Europe/Warsaw", "Warsaw").replace("topic: offers", "topic: Offers")
    wrong_segment = SEGMENT.replace("name: points", "name: pionts").replace("topic: news", "topic: newz")
    found = mistakes({"campaign.yaml": wrong_campaign, "segment.yaml": wrong_segment, "other.yaml": "a: 'b\n"})
    assert [(each.file, each.path) for each in found] == [
        ("campaign.yaml", "spec.audiance"),
        ("campaign.yaml", "spec.message.topic"),
        ("campaign.yaml", "spec.schedule.timeZone"),
        ("campaign.yaml", "spec.schedule.quietHours.from"),
        ("other.yaml", ""),
        ("segment.yaml", "spec.allOf[0].anyOf[1].attribute.name"),
        ("segment.yaml", "spec.allOf[0].anyOf[3].consent.topic"),
    ]


@pytest.mark.parametrize("text", ["just text\n", "- a\n- b\n", "15\n", "true\n"])
def test_what_is_no_mapping_is_not_a_resource(text: str) -> None:
    (found,) = mistakes({"other.yaml": text})
    assert (found.file, found.line, found.message) == ("other.yaml", 1, "is not a resource")


def test_other_yaml_in_the_folder_is_a_mistake_that_says_why() -> None:
    text = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"
    (found,) = mistakes({"kustomization.yaml": text})
    assert "does not belong to Herold" in found.message
    assert found.fix == "move the file out of the campaign folders"
    assert (found.line, found.column) == (1, 13)


def test_what_kubernetes_writes_into_metadata_is_passed_over() -> None:
    texts = changed(
        "campaign.yaml", "namespace: shop}", "namespace: shop, resourceVersion: '5', creationTimestamp: null}"
    )
    assert mistakes(texts) == []


def test_a_file_of_nothing_but_mistakes_is_cut_short() -> None:
    text = CAMPAIGN + "".join(f"field{number}: x\n" for number in range(2_000))
    found = [each for each in mistakes({"campaign.yaml": text}) if each.file == "campaign.yaml"]
    assert len(found) == MAX_MISTAKES + 1
    assert any("1800 more mistakes" in each.message for each in found)
