"""Rules for what leaves to people, and for the events that come back."""

from __future__ import annotations

import json
from collections.abc import Iterator

from herold_policies.graph import Graph
from herold_policies.identity import statements_of
from herold_policies.rule import Violation, fsbp, gdpr, pci, rule

SET = "sesv2/configurationSet:ConfigurationSet"
DESTINATION = "sesv2/configurationSetEventDestination:ConfigurationSetEventDestination"
IDENTITY = "sesv2/emailIdentity:EmailIdentity"
TOPIC = "sns/topic:Topic"
QUEUE = "sqs/queue:Queue"
NUMBER = "pinpoint/smsvoicev2PhoneNumber:Smsvoicev2PhoneNumber"
NEEDED = {"BOUNCE", "COMPLAINT", "REJECT"}


@rule(
    "Mail leaves by TLS, signed with a key of 2048 bits",
    pci("4.2.2"),
    gdpr("32(1)(a)"),
    fsbp("SES.3"),
    kinds=(SET, IDENTITY),
)
def mail_leaves_by_tls(graph: Graph) -> Iterator[Violation]:
    """A set that falls back to clear text, as SES does where nobody says anything."""
    for node in graph.of(SET):
        if node.get("deliveryOptions.tlsPolicy") != "REQUIRE":
            yield Violation(node, "must say deliveryOptions.tlsPolicy: REQUIRE")
    for node in graph.of(IDENTITY):
        if node.get("dkimSigningAttributes.nextSigningKeyLength") != "RSA_2048_BIT":
            yield Violation(node, "must say dkimSigningAttributes.nextSigningKeyLength: RSA_2048_BIT")


@rule(
    "Who bounced, complained or said STOP is heard: each set reports, and each number has its list",
    gdpr("21(3)"),
    gdpr("7(3)"),
    kinds=(SET, DESTINATION, NUMBER),
)
def objections_are_heard(graph: Graph) -> Iterator[Violation]:
    """A set of which nobody would learn that people want no more of it."""
    for node in graph.of(SET):
        kinds: set[str] = set()
        for destination in graph.pointing(DESTINATION, "configurationSetName", node):
            if destination.get("eventDestination.enabled") is True:
                kinds |= set(destination.get("eventDestination.matchingEventTypes") or ())
        if missing := NEEDED - kinds:
            yield Violation(node, f"reports no {', '.join(sorted(missing))}")
        if set(node.get("suppressionOptions.suppressedReasons") or ()) != {"BOUNCE", "COMPLAINT"}:
            yield Violation(node, "must say suppressionOptions.suppressedReasons: [BOUNCE, COMPLAINT]")
    for node in graph.of(NUMBER):
        if node.get("optOutListName") is None or node.get("selfManagedOptOutsEnabled") is not False:
            yield Violation(node, "must say optOutListName, and selfManagedOptOutsEnabled: false")


@rule(
    "Queues and topics are encrypted with our key, and no queue loses what can't be read",
    pci("3.5.1"),
    gdpr("32(1)(a)"),
    fsbp("SQS.1"),
    fsbp("SNS.1"),
    kinds=(QUEUE, TOPIC),
)
def events_are_kept(graph: Graph) -> Iterator[Violation]:
    """Events in clear, or dropped after the last try; a queue that others send their dead to has none of its own."""
    for node in graph.of(QUEUE, TOPIC):
        if node.get("kmsMasterKeyId") is None:
            yield Violation(node, "must say kmsMasterKeyId")
    for node in graph.of(QUEUE):
        if node.get("redrivePolicy") is None and not node.name.endswith("-dead"):
            yield Violation(node, "must say redrivePolicy")


@rule("Only whom a queue or topic names may write to it", pci("7.2.5"), fsbp("SQS.3"), kinds=(QUEUE, TOPIC))
def events_come_from_whom_we_know(graph: Graph) -> Iterator[Violation]:
    """A policy that lets everybody write, or a service on behalf of any account."""
    for node in graph.of(QUEUE, TOPIC):
        document = node.get("policy")
        if not isinstance(document, str):
            yield Violation(node, "must have a policy, written out")
            continue
        for statement in statements_of(document):
            if statement.get("Effect") == "Allow" and not _narrowed(statement.get("Condition")):
                yield Violation(node, f"statement {statement.get('Sid')} must have a condition on the source")


def _narrowed(condition: object) -> bool:
    text = json.dumps(condition)
    return any(f'"{key}"' in text for key in ("aws:SourceAccount", "aws:SourceArn", "aws:PrincipalAccount"))
