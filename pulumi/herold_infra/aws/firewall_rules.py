"""What the web application firewall does with a request: pure values, in the order in which they are asked."""

from __future__ import annotations

from pulumi_aws import wafv2

# An ALB shows the firewall this much of a body. What is longer is not looked at, so it is not let in.
BODY_BYTES = 8192
WINDOW_SECONDS = 300
MANAGED = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesSQLiRuleSet",
)


def build_rules(rate: int) -> list[wafv2.WebAclRuleArgsDict]:
    """`rate`: requests of one address in five minutes."""
    rules = [_body(0), _rate(1, rate)]
    return rules + [_managed(10 + number, name) for number, name in enumerate(MANAGED)]


def seen(name: str) -> wafv2.WebAclVisibilityConfigArgsDict:
    """Counted under a name. Samples are off: they would show links that name a person."""
    return {"cloudwatch_metrics_enabled": True, "metric_name": name, "sampled_requests_enabled": False}


def _body(priority: int) -> wafv2.WebAclRuleArgsDict:
    return {
        "name": "body-too-long",
        "priority": priority,
        "action": {"block": {}},
        "statement": {
            "size_constraint_statement": {
                "field_to_match": {"body": {"oversize_handling": "MATCH"}},
                "comparison_operator": "GT",
                "size": BODY_BYTES,
                "text_transformations": [{"priority": 0, "type": "NONE"}],
            }
        },
        "visibility_config": _rule_seen("body-too-long"),
    }


def _rate(priority: int, rate: int) -> wafv2.WebAclRuleArgsDict:
    return {
        "name": "rate",
        "priority": priority,
        "action": {"block": {}},
        "statement": {
            "rate_based_statement": {
                "limit": rate,
                "aggregate_key_type": "IP",
                "evaluation_window_sec": WINDOW_SECONDS,
            }
        },
        "visibility_config": _rule_seen("rate"),
    }


def _managed(priority: int, name: str) -> wafv2.WebAclRuleArgsDict:
    return {
        "name": name,
        "priority": priority,
        "override_action": {"none": {}},
        "statement": {"managed_rule_group_statement": {"name": name, "vendor_name": "AWS"}},
        "visibility_config": _rule_seen(name),
    }


def _rule_seen(name: str) -> wafv2.WebAclRuleVisibilityConfigArgsDict:
    return {"cloudwatch_metrics_enabled": True, "metric_name": name, "sampled_requests_enabled": False}
