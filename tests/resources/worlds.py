"""A small world of resources that is right, and what is said when one thing in it is changed."""

from __future__ import annotations

from herold.errors import InvalidInput, Mistake
from herold.resources.catalogue import Catalogue, load_texts

SCHEMA = """\
apiVersion: herold.dev/v1alpha1
kind: ContactSchema
metadata: {name: customers, namespace: shared}
spec:
  attributes:
    - {name: first_name, type: String}
    - {name: points, type: Integer}
    - {name: value, type: Decimal}
    - {name: vip, type: Boolean}
    - {name: birthday, type: Date}
    - {name: last_seen, type: Timestamp}
  events:
    - name: page_view
      properties: [{name: path, type: String}, {name: seconds, type: Integer}]
  brands: [shop]
  topics: [{name: offers}, {name: news}]
"""
SENDER = """\
apiVersion: herold.dev/v1alpha1
kind: SenderProfile
metadata: {name: newsletter, namespace: shared}
spec:
  brand: shop
  from: {address: news@shop.example, name: The Shop}
  returnPathDomain: bounces.shop.example
  unsubscribeUrl: https://shop.example/u/
  route: {host: localhost, port: 2525, tls: None}
  limits: {perSecond: "800"}
"""
SEGMENT = """\
apiVersion: herold.dev/v1alpha1
kind: Segment
metadata: {name: buyers, namespace: shop}
spec:
  schemaRef: {name: customers, scope: Shared}
  allOf:
    - anyOf:
        - order: {atLeast: 1}
        - attribute: {name: points, operator: AtLeast, values: ["100"]}
        - event: {name: page_view, where: [{name: path, operator: StartsWith, values: [/sale]}]}
        - consent: {brand: shop, topic: news}
"""
TEMPLATE = """\
apiVersion: herold.dev/v1alpha1
kind: MessageTemplate
metadata: {name: spring, namespace: shop}
spec:
  schemaRef: {name: customers, scope: Shared}
  defaultLocale: en
  variables: [{name: discount}, {name: until, default: Sunday}]
  attributeDefaults: [{name: first_name, default: friend}]
  contents:
    - locale: en
      subject: Spring sale
      text: Hello.
"""
CAMPAIGN = """\
apiVersion: herold.dev/v1alpha1
kind: Campaign
metadata: {name: spring, namespace: shop}
spec:
  audience:
    segmentRefs: [{name: buyers}]
    maxRecipients: 50000
  message:
    topic: offers
    templateRef: {name: spring}
    senderRef: {name: newsletter, scope: Shared}
    variables: {discount: "15"}
  schedule:
    at: 2026-12-01T09:00:00
    timeZone: Europe/Warsaw
    quietHours: {from: "21:00", to: "08:00"}
  governance: {owner: shop-team}
"""
WORLD = {
    "schema.yaml": SCHEMA,
    "sender.yaml": SENDER,
    "segment.yaml": SEGMENT,
    "template.yaml": TEMPLATE,
    "campaign.yaml": CAMPAIGN,
}


def world(texts: dict[str, str] | None = None) -> Catalogue:
    """The catalogue of the world, with some files replaced or added. Raises InvalidInput."""
    return load_texts({**WORLD, **(texts or {})}, shared_namespace="shared")


def changed(file: str, old: str, new: str) -> dict[str, str]:
    """The world's files with one text replaced by another; it must be there exactly once."""
    assert WORLD[file].count(old) == 1, old
    return {file: WORLD[file].replace(old, new)}


def mistakes(texts: dict[str, str]) -> list[Mistake]:
    """All mistakes of the world with those files."""
    try:
        world(texts)
    except InvalidInput as error:
        return list(error.mistakes)
    return []


def mistake(file: str, old: str, new: str) -> Mistake:
    """The one mistake that a change makes, and which stands in the line that was changed."""
    found = mistakes(changed(file, old, new))
    assert len(found) == 1, "\n".join(map(str, found))
    assert found[0].file == file
    return found[0]


def line_of(text: str, words: str) -> int:
    """Line, from 1, in which `words` stand."""
    return text[: text.index(words)].count("\n") + 1
