"""Passwords that a service wants at its birth: drawn once, kept in Secrets Manager, encrypted in the state.

AWS would keep a database's password itself, but not for one that is part of a global database, nor for a broker.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import secretsmanager

from herold_infra.aws.keys import Keys
from herold_infra.aws.place import Data, Place
from herold_infra.component import Component
from herold_infra.drawing import draw

RECOVERY_DAYS = 30


@dataclass(frozen=True)
class Password:
    """A user's password: the secret that will hold it, and the value (secret)."""

    user: str
    secret: secretsmanager.Secret
    value: pulumi.Output[str]


def make_password(
    owner: Component, place: Place, thing: str, user: str, keys: Keys, *, runbook: str | None = None
) -> Password:
    """The password, and a secret that `keep_password` puts it into.

    It is drawn before the service is made, and the state has it from then on: an `up` that is cut off between the two
    gives the service and the secret the same one. `runbook`: how people change it, where nothing rotates it; its tag
    says so to the policies.
    """
    value = draw(owner, place.logical(thing))
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
    return Password(user, secret, value)


def keep_password(
    owner: Component, place: Place, thing: str, password: Password, **more: pulumi.Input[str]
) -> pulumi.Output[str]:
    """Put `username`, `password` and what `more` says into the secret, once. Gives the secret's ARN.

    What it holds is changed by rotation, or by people, and never by a later `up`.
    """
    known = pulumi.Output.all(username=password.user, password=password.value, **more)
    text: pulumi.Output[str] = known.apply(_write)
    encrypted: pulumi.Output[str] = pulumi.Output.secret(text)
    version = secretsmanager.SecretVersion(
        place.logical(thing),
        region=place.region,
        secret_id=password.secret.id,
        secret_string=encrypted,
        opts=owner.kept(ignore=["secretString"]),
    )
    # Whoever reads the secret comes after its content.
    return pulumi.Output.all(password.secret.arn, version.id).apply(lambda made: str(made[0]))


def _write(content: Mapping[str, str]) -> str:
    return json.dumps(content, sort_keys=True)
