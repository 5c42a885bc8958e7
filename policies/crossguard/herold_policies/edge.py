"""Rules for what everybody reaches."""

from __future__ import annotations

from collections.abc import Iterator

from herold_policies.graph import Graph, Node
from herold_policies.rule import Violation, fsbp, gdpr, pci, rule

BALANCER = "lb/loadBalancer:LoadBalancer"
LISTENER = "lb/listener:Listener"
ACL = "wafv2/webAcl:WebAcl"
ASSOCIATION = "wafv2/webAclAssociation:WebAclAssociation"
LOGGING = "wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
# TLS 1.2 and 1.3 with forward secrecy.
TLS = (
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
)
GROUPS = {"AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesSQLiRuleSet"}
REDACTED = {"uriPath", "queryString"}


def _public(graph: Graph) -> Iterator[Node]:
    return (balancer for balancer in graph.of(BALANCER) if balancer.get("internal") is not True)


@rule(
    "A firewall for web applications stands before every public listener",
    pci("6.4.2"),
    fsbp("ELB.16"),
    kinds=(BALANCER, ASSOCIATION),
)
def firewall_before_the_edge(graph: Graph) -> Iterator[Violation]:
    """A public load balancer that nothing is associated with, or that lets in what the firewall could not judge."""
    for balancer in _public(graph):
        found = graph.pointing(ASSOCIATION, "resourceArn", balancer)
        if not any(graph.behind(association, "webAclArn") for association in found):
            yield Violation(balancer, "has no web ACL associated with it")
        if balancer.get("enableWafFailOpen") is not False:
            yield Violation(balancer, "must say enableWafFailOpen: false")


@rule(
    "The firewall knows the common attacks, limits the rate, and lets in no body that it can't see whole",
    pci("6.4.2"),
    kinds=(ACL,),
)
def firewall_is_complete(graph: Graph) -> Iterator[Violation]:
    """Managed groups, a rate, or a stance on long bodies that lack."""
    for acl in graph.of(ACL):
        statements = [item.get("statement") or {} for item in acl.get("rules") or ()]
        groups = {(item.get("managedRuleGroupStatement") or {}).get("name") for item in statements}
        if missing := GROUPS - groups:
            yield Violation(acl, f"lacks {', '.join(sorted(missing))}")
        if not any("rateBasedStatement" in item for item in statements):
            yield Violation(acl, "has no rate-based rule")
        if not any(_whole_body(item) for item in acl.get("rules") or ()):
            yield Violation(acl, "lets in bodies of which it sees only the beginning (8 KB of an ALB's)")


def _whole_body(item: dict[str, object]) -> bool:
    node = Node("", "", "", item)
    field = node.get("statement.sizeConstraintStatement.fieldToMatch.body.oversizeHandling")
    action = node.get("action")
    return field == "MATCH" and isinstance(action, dict) and "block" in action


@rule(
    "What the firewall saw is logged, without the links that name a person",
    pci("10.2.1"),
    gdpr("5(1)(c)"),
    fsbp("WAF.11"),
    kinds=(ACL, LOGGING),
)
def firewall_is_logged(graph: Graph) -> Iterator[Violation]:
    """A web ACL without logs, or logs with whole links."""
    for acl in graph.of(ACL):
        logs = graph.pointing(LOGGING, "resourceArn", acl)
        if not logs:
            yield Violation(acl, "has no logging configuration")
        for log in logs:
            fields = {key for item in log.get("redactedFields") or () for key in item}
            if missing := REDACTED - fields:
                yield Violation(log, f"must redact {', '.join(sorted(missing))}")


@rule(
    "Listeners speak TLS 1.2 at least; by HTTP they only say where HTTPS is",
    pci("4.2.1"),
    gdpr("32(1)(a)"),
    fsbp("ELB.1"),
    fsbp("ELB.17"),
    kinds=(LISTENER,),
)
def listeners_speak_tls(graph: Graph) -> Iterator[Violation]:
    """A listener that answers in clear, or with what AWS takes for a default policy."""
    for listener in graph.of(LISTENER):
        if listener.get("protocol") in ("HTTPS", "TLS"):
            if listener.get("sslPolicy") not in TLS:
                yield Violation(listener, f"must say sslPolicy: {TLS[0]}")
        elif listener.get("defaultActions.redirect.protocol") != "HTTPS":
            yield Violation(listener, "must be HTTPS, or do nothing but redirect to it")


@rule(
    "Load balancers log what they let in, drop malformed headers and refuse deletion",
    pci("10.2.1"),
    fsbp("ELB.4"),
    fsbp("ELB.5"),
    fsbp("ELB.6"),
    kinds=(BALANCER,),
)
def balancers_are_careful(graph: Graph) -> Iterator[Violation]:
    """What AWS leaves off unless somebody says otherwise."""
    for balancer in graph.of(BALANCER):
        if balancer.get("dropInvalidHeaderFields") is not True:
            yield Violation(balancer, "must say dropInvalidHeaderFields: true")
        if balancer.get("accessLogs.enabled") is not True:
            yield Violation(balancer, "must say accessLogs.enabled: true")
        if balancer.get("enableDeletionProtection") is not True:
            yield Violation(balancer, "must say enableDeletionProtection: true")
