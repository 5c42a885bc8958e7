"""The stand-in for the AWS provider: it catches what can be known without AWS, and says what it is."""

from __future__ import annotations

from typing import Any

from local.providers import wire
from local.providers.aws.provider import Aws

ACL: dict[str, Any] = {
    "region": "eu-central-1",
    "scope": "REGIONAL",
    "defaultAction": {"allow": {}},
    "visibilityConfig": {"cloudwatchMetricsEnabled": True, "metricName": "edge", "sampledRequestsEnabled": False},
}


def reasons(kind: str, inputs: dict[str, Any], aws: Aws | None = None) -> dict[str, str]:
    mistakes = (aws or Aws()).check(kind, "urn:pulumi:s::p::t::one", inputs)
    return {mistake.path: mistake.reason for mistake in mistakes}


def test_an_unknown_key_deep_inside_is_named_with_its_path() -> None:
    rule = {
        "name": "rate",
        "priority": 1,
        "statement": {"rateBasedStatement": {"limitt": 500, "aggregateKeyType": "IP"}},
        "visibilityConfig": ACL["visibilityConfig"],
    }
    found = reasons("aws:wafv2/webAcl:WebAcl", ACL | {"rules": [rule]})
    assert found["rules[0].statement.rateBasedStatement.limitt"].startswith("unknown property")
    assert found["rules[0].statement.rateBasedStatement.limit"] == "required, and missing"


def test_all_mistakes_of_a_resource_are_told_at_once() -> None:
    found = reasons("aws:ec2/vpc:Vpc", {"cidrBlock": 10, "enableDnsSupport": "yes", "colour": "blue"})
    assert set(found) == {"cidrBlock", "enableDnsSupport", "colour"}


def test_a_value_that_only_an_update_gives_is_not_refused() -> None:
    assert reasons("aws:ec2/subnet:Subnet", {"vpcId": wire.UNKNOWN, "cidrBlock": "10.0.0.0/24"}) == {}


def test_a_resource_that_the_sdk_does_not_have_is_refused() -> None:
    assert "has no resource" in reasons("aws:ec2/moon:Moon", {})[""]


def test_enumerations_patterns_and_ranges_of_aws_are_held() -> None:
    log = {"vpcId": "vpc-1", "trafficType": "EVERYTHING", "logDestinationType": "cloud-watch-logs"}
    assert "must be one of" in reasons("aws:ec2/flowLog:FlowLog", log)["trafficType"]
    assert "must match" in reasons("aws:cloudwatch/logGroup:LogGroup", {"name": "with space"})["name"]
    key = {"deletionWindowInDays": 30, "rotationPeriodInDays": 30, "enableKeyRotation": True}
    assert reasons("aws:kms/key:Key", key | {"description": "x" * 9000})["description"].startswith(
        "must be at most 8192"
    )


def test_the_value_of_a_refused_property_is_not_repeated() -> None:
    found = reasons("aws:ec2/vpc:Vpc", {"cidrBlock": {"secret": "hunter2"}})
    assert "hunter2" not in str(found)


def test_a_name_that_another_resource_has_is_refused_and_the_other_is_named() -> None:
    aws = Aws()
    group = {"region": "eu-central-1", "name": "herold-edge"}
    aws.check("aws:ec2/securityGroup:SecurityGroup", "urn:pulumi:s::p::t::first", dict(group))
    second = aws.check("aws:ec2/securityGroup:SecurityGroup", "urn:pulumi:s::p::t::second", dict(group))
    assert [mistake.reason for mistake in second] == ["herold-edge is taken by first"]
    elsewhere = group | {"region": "eu-west-1"}
    assert aws.check("aws:ec2/securityGroup:SecurityGroup", "urn:pulumi:s::p::t::third", elsewhere) == []


def test_it_says_what_it_is_and_what_it_does_not_know() -> None:
    assert Aws().note().startswith("STAND-IN")
    assert "Not known here: quotas, permissions" in Aws().note()
