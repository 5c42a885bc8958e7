"""Rules for buckets."""

from __future__ import annotations

from collections.abc import Iterator

from herold_policies.graph import Graph, Node
from herold_policies.identity import statements_of
from herold_policies.rule import Violation, cis, fsbp, gdpr, pci, rule

BUCKET = "s3/bucket:Bucket"
BLOCK = "s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ENCRYPTION = "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
VERSIONING = "s3/bucketVersioning:BucketVersioning"
LIFECYCLE = "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
POLICY = "s3/bucketPolicy:BucketPolicy"
WALLS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


@rule("No bucket is public", pci("1.4.4"), cis("2.1.4"), fsbp("S3.8"), kinds=(BUCKET, BLOCK))
def buckets_are_private(graph: Graph) -> Iterator[Violation]:
    """A bucket without the four walls."""
    for bucket in graph.of(BUCKET):
        blocks = graph.pointing(BLOCK, "bucket", bucket)
        if not blocks:
            yield Violation(bucket, "has no BucketPublicAccessBlock")
        for block in blocks:
            for wall in WALLS:
                if block.get(wall) is not True:
                    yield Violation(block, f"must say {wall}: true")


@rule(
    "Buckets are encrypted, and spoken to by TLS only",
    pci("4.2.1"),
    cis("2.1.1"),
    gdpr("32(1)(a)"),
    fsbp("S3.5"),
    kinds=(BUCKET, ENCRYPTION, POLICY),
)
def buckets_are_encrypted(graph: Graph) -> Iterator[Violation]:
    """A bucket that leaves its encryption to AWS, or answers in clear; personal data needs a key of ours."""
    for bucket in graph.of(BUCKET):
        found = [_algorithm(item) for item in graph.pointing(ENCRYPTION, "bucket", bucket)]
        if not found or None in found:
            yield Violation(bucket, "does not say how it is encrypted")
        if bucket.tag("data") != "operational" and "aws:kms" not in found:
            yield Violation(bucket, "holds more than operational data: it needs a key of ours")
        if not any(_only_tls(item) for item in graph.pointing(POLICY, "bucket", bucket)):
            yield Violation(bucket, "has no policy that denies what does not come by TLS")


def _algorithm(node: Node) -> str | None:
    value = node.get("rules.applyServerSideEncryptionByDefault.sseAlgorithm")
    return value if isinstance(value, str) else None


def _only_tls(node: Node) -> bool:
    document = node.get("policy")
    return isinstance(document, str) and any(
        statement.get("Effect") == "Deny"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in statements_of(document)
    )


@rule(
    "Buckets keep what was overwritten, and forget what is old",
    pci("10.3.3"),
    gdpr("5(1)(e)"),
    fsbp("S3.14"),
    fsbp("S3.13"),
    kinds=(BUCKET, VERSIONING, LIFECYCLE),
)
def buckets_keep_and_forget(graph: Graph) -> Iterator[Violation]:
    """A bucket without versions, or one that keeps everything for ever."""
    for bucket in graph.of(BUCKET):
        versions = graph.pointing(VERSIONING, "bucket", bucket)
        if not any(item.get("versioningConfiguration.status") == "Enabled" for item in versions):
            yield Violation(bucket, "keeps no versions")
        cycles = graph.pointing(LIFECYCLE, "bucket", bucket)
        if not any(item.get("rules.expiration.days") for item in cycles):
            yield Violation(bucket, "never forgets: it needs a lifecycle with an expiration")
