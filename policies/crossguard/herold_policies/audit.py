"""Rules for the account's history, and for what watches it."""

from __future__ import annotations

from collections.abc import Iterator

from herold_policies.graph import Graph, Node
from herold_policies.rule import Violation, cis, fsbp, pci, rule

VPC = "ec2/vpc:Vpc"
TRAIL = "cloudtrail/trail:Trail"
DETECTOR = "guardduty/detector:Detector"
FEATURE = "guardduty/detectorFeature:DetectorFeature"
RECORDER = "cfg/recorder:Recorder"
STATUS = "cfg/recorderStatus:RecorderStatus"
CHANNEL = "cfg/deliveryChannel:DeliveryChannel"
STANDARD = "securityhub/standardsSubscription:StandardsSubscription"
DISKS = "ebs/encryptionByDefault:EncryptionByDefault"
ACCOUNT_WALLS = "s3/accountPublicAccessBlock:AccountPublicAccessBlock"
WALLS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
WATCHED = {"S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "RDS_LOGIN_EVENTS", "EBS_MALWARE_PROTECTION", "RUNTIME_MONITORING"}
JUDGED = ("pci-dss/v/4.0.1", "aws-foundational-security-best-practices/v/1.0.0")


def _in_region(graph: Graph, kind: str, vpc: Node) -> list[Node]:
    return [node for node in graph.of(kind) if node.get("region") == vpc.get("region")]


@rule(
    "Everything that anybody does in the account is written down, sealed, encrypted and searchable",
    pci("10.2.1"),
    pci("10.3.4"),
    cis("3.1"),
    cis("3.2"),
    fsbp("CloudTrail.1"),
    fsbp("CloudTrail.2"),
    kinds=(TRAIL,),
)
def account_is_trailed(graph: Graph) -> Iterator[Violation]:
    """No trail of all regions, or one that could be changed unseen."""
    trails = list(graph.of(TRAIL))
    if not trails:
        yield from (Violation(vpc, "stands in an account without a trail") for vpc in graph.of(VPC))
    for trail in trails:
        for path in ("isMultiRegionTrail", "enableLogFileValidation", "includeGlobalServiceEvents", "enableLogging"):
            if trail.get(path) is not True:
                yield Violation(trail, f"must say {path}: true")
        for path in ("kmsKeyId", "cloudWatchLogsGroupArn"):
            if trail.get(path) is None:
                yield Violation(trail, f"must say {path}")


@rule(
    "Every region where something stands is watched for attacks",
    pci("11.5.1"),
    fsbp("GuardDuty.1"),
    kinds=(DETECTOR, FEATURE),
)
def attacks_are_watched(graph: Graph) -> Iterator[Violation]:
    """A region without a detector, or one that does not look everywhere."""
    for vpc in graph.of(VPC):
        detectors = [node for node in _in_region(graph, DETECTOR, vpc) if node.get("enable") is True]
        if not detectors:
            yield Violation(vpc, "stands in a region without a GuardDuty detector that says enable: true")
        for detector in detectors:
            features = graph.pointing(FEATURE, "detectorId", detector)
            on = {feature.get("name") for feature in features if feature.get("status") == "ENABLED"}
            if missing := WATCHED - on:
                yield Violation(detector, f"does not watch {', '.join(sorted(missing))}")


@rule(
    "Every change of configuration is recorded",
    pci("11.5.2"),
    cis("3.3"),
    fsbp("Config.1"),
    kinds=(RECORDER, STATUS, CHANNEL),
)
def changes_are_recorded(graph: Graph) -> Iterator[Violation]:
    """A region without a recorder, or with one that is off, or sees only some kinds."""
    for vpc in graph.of(VPC):
        for kind, what in ((RECORDER, "recorder"), (CHANNEL, "delivery channel")):
            if not _in_region(graph, kind, vpc):
                yield Violation(vpc, f"stands in a region without a {what} of AWS Config")
        if not any(node.get("isEnabled") is True for node in _in_region(graph, STATUS, vpc)):
            yield Violation(vpc, "stands in a region where AWS Config is not on")
    for recorder in graph.of(RECORDER):
        if recorder.get("recordingGroup.allSupported") is not True:
            yield Violation(recorder, "must say recordingGroup.allSupported: true")


@rule(
    "Every region is judged by PCI DSS 4.0.1 and AWS's own best practices",
    pci("2.2.1"),
    kinds=(STANDARD,),
)
def regions_are_judged(graph: Graph) -> Iterator[Violation]:
    """A region without the subscriptions of Security Hub."""
    for vpc in graph.of(VPC):
        found = [str(node.get("standardsArn")) for node in _in_region(graph, STANDARD, vpc)]
        for standard in JUDGED:
            if not any(arn.endswith(f"standards/{standard}") for arn in found):
                yield Violation(vpc, f"stands in a region that {standard} does not judge")


@rule(
    "The account's own defaults are closed: disks are encrypted, buckets are private",
    pci("2.2.1"),
    cis("2.2.1"),
    cis("2.1.4"),
    fsbp("EC2.7"),
    fsbp("S3.1"),
    kinds=(DISKS, ACCOUNT_WALLS),
)
def account_is_closed(graph: Graph) -> Iterator[Violation]:
    """What somebody makes by hand would be open."""
    for vpc in graph.of(VPC):
        if not any(node.get("enabled") is True for node in _in_region(graph, DISKS, vpc)):
            yield Violation(vpc, "stands in a region where new disks are not encrypted by default")
        if not list(graph.of(ACCOUNT_WALLS)):
            yield Violation(vpc, "stands in an account without an AccountPublicAccessBlock")
    for node in graph.of(ACCOUNT_WALLS):
        for wall in WALLS:
            if node.get(wall) is not True:
                yield Violation(node, f"must say {wall}: true")
