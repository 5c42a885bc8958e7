"""Buckets: never public, by TLS only, every version kept until its time is over."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import s3

from herold_infra.aws.documents import Statement, build_document
from herold_infra.aws.keys import Key
from herold_infra.aws.place import Data, Place
from herold_infra.component import Component

ABORT_DAYS = 7


@dataclass(frozen=True)
class BucketPlan:
    """`key`: none where the service that writes can use AWS's own key only. `writers`: statements of its policy."""

    thing: str
    data: Data
    days: int
    key: Key | None = None
    writers: tuple[Statement, ...] = ()


def bucket_name(place: Place, thing: str) -> str:
    """The name is the world's: it has the account in it, so that nobody takes it before us."""
    return f"{place.worldwide(thing)}-{place.account}"


def make_bucket(owner: Component, place: Place, plan: BucketPlan) -> s3.Bucket:
    """The bucket, with its policy in force: what writes to it can depend on it."""
    logical, name = place.logical(plan.thing), bucket_name(place, plan.thing)
    bucket = s3.Bucket(
        logical,
        region=place.region,
        bucket=name,
        tags=place.tags(plan.thing, plan.data),
        opts=owner.kept(),
    )
    inside = pulumi.ResourceOptions(parent=owner)
    s3.BucketPublicAccessBlock(
        logical,
        region=place.region,
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=inside,
    )
    encryption: s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgsDict = (
        {"sse_algorithm": "aws:kms", "kms_master_key_id": plan.key.arn} if plan.key else {"sse_algorithm": "AES256"}
    )
    s3.BucketServerSideEncryptionConfiguration(
        logical,
        region=place.region,
        bucket=bucket.bucket,
        rules=[{"apply_server_side_encryption_by_default": encryption, "bucket_key_enabled": True}],
        opts=inside,
    )
    s3.BucketVersioning(
        logical,
        region=place.region,
        bucket=bucket.bucket,
        versioning_configuration={"status": "Enabled"},
        opts=inside,
    )
    s3.BucketLifecycleConfiguration(
        logical,
        region=place.region,
        bucket=bucket.bucket,
        rules=[
            {
                "id": "forget",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "expiration": {"days": plan.days},
                "noncurrent_version_expiration": {"noncurrent_days": plan.days},
                "abort_incomplete_multipart_upload": {"days_after_initiation": ABORT_DAYS},
            }
        ],
        opts=inside,
    )
    s3.BucketPolicy(
        logical,
        region=place.region,
        bucket=bucket.bucket,
        policy=build_document(_only_tls(name), *plan.writers),
        opts=inside,
    )
    return bucket


def _only_tls(name: str) -> Statement:
    return Statement(
        "OnlyTls",
        ("s3:*",),
        (f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"),
        {"AWS": ["*"]},
        {"Bool": {"aws:SecureTransport": "false"}},
        effect="Deny",
    )
