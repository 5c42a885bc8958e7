"""Passwords that a service wants at its birth: drawn once, kept in Secrets Manager, encrypted in the state.

AWS would keep a database's password itself, but not for one that is part of a global database, nor for a broker.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

import pulumi
from pulumi_aws import secretsmanager

from herold_infra.aws.keys import Keys
from herold_infra.aws.place import Data, Place
from herold_infra.component import Component

BYTES = 32
RECOVERY_DAYS = 30


@dataclass(frozen=True)
class Password:
    """A user's password: the ARN of the secret that holds it, and the value (secret)."""

    secret_arn: pulumi.Output[str]
    value: pulumi.Output[str]


def make_password(
    owner: Component, place: Place, thing: str, user: str, keys: Keys, *, runbook: str | None = None
) -> Password:
    """A secret `{"username", "password"}`. What it holds is changed by rotation, never by a later `up`.

    `runbook`: how people change it, where nothing rotates it; its tag says so to the policies.
    """
    secret = secretsmanager.Secret(
        place.logical(thing),
        region=place.region,
        name=place.name(thing),
        description=f"Administrator of {thing}; no workload of Herold uses it",
        kms_key_id=keys.credential.arn,
        recovery_window_in_days=RECOVERY_DAYS,
        tags=place.tags(thing, Data.CREDENTIAL) | ({"herold:rotation": runbook} if runbook else {}),
        opts=owner.kept(),
    )
    drawn = pulumi.Output.secret(json.dumps({"username": user, "password": secrets.token_urlsafe(BYTES)}))
    version = secretsmanager.SecretVersion(
        place.logical(thing),
        region=place.region,
        secret_id=secret.id,
        secret_string=drawn,
        # Each run draws another one; the first is kept. A rotation changes it behind our back, on purpose.
        opts=owner.kept(ignore=["secretString"]),
    )
    value = version.secret_string.apply(lambda text: str(json.loads(text or "{}").get("password", "")))
    return Password(secret.arn, pulumi.Output.secret(value))
