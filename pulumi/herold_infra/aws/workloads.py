"""What pods of Herold need from outside of their cluster: secrets, and the identity that may read just these."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import pulumi

from herold_infra.aws.cluster import Cluster
from herold_infra.aws.logins import PLATFORM, SENDERS, plan_logins
from herold_infra.aws.pods import ServiceAccount, make_pod_role
from herold_infra.aws.vault import Shelf, build_reading, fill_secret, make_secret, path_of
from herold_infra.component import Component

# As its chart makes them.
READER = ServiceAccount("external-secrets", "external-secrets")
KEY = "herold-key"
KEY_BYTES = 32


@dataclass(frozen=True)
class WorkloadsArgs:
    """`active`: secrets are made here; elsewhere are copies of them."""

    shelf: Shelf
    cluster: Cluster
    brands: tuple[str, ...]
    active: bool


class Workloads(Component):
    """Outputs: `secrets`, the names of all that pods read; `reader_role_arn`, the identity of External Secrets."""

    def __init__(self, args: WorkloadsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        place = args.shelf.place
        super().__init__("Workloads", place.logical("workloads"), opts)
        self._args = args
        self.secrets = plan_secrets(args.brands)
        if args.active:
            self._make_key()
            for brand in args.brands:
                # Its public half stands in DNS under a selector that people choose, so people put it in.
                make_secret(self, args.shelf, dkim_path(brand), f"Signs the mail of {brand}")
                # SES' passwords for SMTP come of a user's access key, which people make and replace.
                make_secret(self, args.shelf, relay_path(brand), f"The login of {brand} at the relay")
        rights = build_reading(place, *self.secrets)
        self.reader_role_arn = make_pod_role(self, place, args.cluster, READER, "external-secrets", *rights)
        self.register_outputs({"readerRoleArn": self.reader_role_arn})

    def _make_key(self) -> None:
        """The installation's key, in two namespaces. The second is what the first one keeps, never drawn again."""
        shelf, (first, second) = self._args.shelf, key_paths()
        what = "The installation's key: hashes addresses, makes message ids. It can't be changed"
        drawn = pulumi.Output.secret({"key": secrets.token_hex(KEY_BYTES)})
        kept = fill_secret(self, shelf, first, make_secret(self, shelf, first, what), drawn)
        fill_secret(self, shelf, second, make_secret(self, shelf, second, what), kept)


def key_paths() -> tuple[str, str]:
    """The installation's key, for the platform and for workers."""
    return path_of(PLATFORM, KEY), path_of(SENDERS, KEY)


def dkim_path(brand: str) -> str:
    """The key that signs a brand's mail (`tls.key`)."""
    return path_of(SENDERS, f"{brand}-dkim")


def relay_path(brand: str) -> str:
    """A brand's login at the relay (`username`, `password`)."""
    return path_of(SENDERS, f"{brand}-relay")


def plan_secrets(brands: tuple[str, ...]) -> tuple[str, ...]:
    """All that pods read, in order."""
    logins = (login.path for login in plan_logins(brands))
    return tuple(sorted((*logins, *key_paths(), *map(dkim_path, brands), *map(relay_path, brands))))
