"""Secrets that pods read: in Secrets Manager, under names that Git knows, copied to where the ledger's copy is.

External Secrets writes each as a Secret of Kubernetes; its name is the last part. Git declares which it asks for
(gitops/infrastructure/secrets), a test holds both together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import secretsmanager

from herold_infra.aws.documents import Statement
from herold_infra.aws.keys import Keys
from herold_infra.aws.place import Data, Place
from herold_infra.component import Component

RECOVERY_DAYS = 30
# How people change them, and which can't be changed at all.
RUNBOOK = "docs/how-to/secrets-of-a-cloud.md"


@dataclass(frozen=True)
class Shelf:
    """Where secrets lie: the key that encrypts them, and the key in each other region that gets a copy."""

    place: Place
    keys: Keys
    copies: tuple[tuple[str, pulumi.Output[str]], ...] = ()


def path_of(namespace: str, name: str) -> str:
    """The name of a secret: `herold/platform/herold-key` is the Secret `herold-key` of `herold-platform`.

    An environment is an account of its own, so that the name is the same in each.
    """
    return f"herold/{namespace.removeprefix('herold-')}/{name}"


def make_secret(owner: Component, shelf: Shelf, path: str, what: str) -> secretsmanager.Secret:
    """A secret that holds nothing yet."""
    place = shelf.place
    return secretsmanager.Secret(
        place.logical(path.replace("/", "-")),
        region=place.region,
        name=path,
        description=what,
        kms_key_id=shelf.keys.credential.arn,
        recovery_window_in_days=RECOVERY_DAYS,
        replicas=[{"region": region, "kms_key_id": key} for region, key in shelf.copies],
        tags=place.tags(path, Data.CREDENTIAL) | {"herold:rotation": RUNBOOK},
        opts=owner.kept(),
    )


def fill_secret(
    owner: Component, shelf: Shelf, path: str, secret: secretsmanager.Secret, content: pulumi.Output[dict[str, str]]
) -> pulumi.Output[dict[str, str]]:
    """Put in what was drawn, once: each run draws anew, the first one stays. Gives what is kept (secret)."""
    text: pulumi.Output[str] = content.apply(lambda values: json.dumps(values, sort_keys=True))
    encrypted: pulumi.Output[str] = pulumi.Output.secret(text)
    version = secretsmanager.SecretVersion(
        shelf.place.logical(path.replace("/", "-")),
        region=shelf.place.region,
        secret_id=secret.id,
        secret_string=encrypted,
        opts=owner.kept(ignore=["secretString"]),
    )
    return pulumi.Output.secret(version.secret_string.apply(_read))


def _read(text: str | None) -> dict[str, str]:
    content = json.loads(text or "{}")
    assert isinstance(content, dict)
    return content


def build_reading(place: Place, *names: str) -> tuple[Statement, ...]:
    """Rights to read just these secrets, and to decrypt with the key of credentials for nothing else."""
    # Secrets Manager puts six characters behind the name.
    secrets = tuple(place.arn("secretsmanager", f"secret:{name}-??????") for name in names)
    through: dict[str, dict[str, str | list[str]]] = {
        "StringEquals": {"kms:ViaService": f"secretsmanager.{place.region}.amazonaws.com"},
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{place.name(Data.CREDENTIAL.value)}"},
    }
    return (
        Statement("Read", ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"), secrets),
        Statement("Decrypt", ("kms:Decrypt",), (place.arn("kms", "key/*"),), condition=through),
    )
