"""SenderProfile: in whose name, over which relay, how fast. Owned by the platform."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from herold.resources.meta import Model, Resource, SecretReference
from herold.resources.scalars import Address, Domain, Duration, Locale, Money, Name, Rate, Text


class Mailbox(Model):
    """An address with a display name."""

    address: Address
    name: Annotated[str, Field(max_length=128)] = ""


class Dkim(Model):
    """One DKIM key: RSA-2048, in the secret's `tls.key` (PEM)."""

    domain: Domain
    selector: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=63)]
    key_ref: SecretReference


class Route(Model):
    """The relay and what it can do."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]+$", max_length=253)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    tls: Literal["StartTls", "Implicit", "None"] = Field(
        default="StartTls", description="Verified always. `None` only to this machine (loopback)."
    )
    ca_ref: SecretReference | None = Field(
        default=None, description="Secret whose `ca.crt` is trusted instead of the system's authorities."
    )
    credentials_ref: SecretReference | None = Field(
        default=None, description="Secret with `username` and `password`; used inside TLS only."
    )
    connections: Annotated[int, Field(ge=1, le=64)] = Field(default=4, description="Connections of each worker.")
    grouping: Literal["Auto", "Off"] = Field(
        default="Auto",
        description="`Auto`: commands are grouped where the relay announces PIPELINING, until it proves ill.",
    )
    message_id: Literal["Kept", "Replaced"] = Field(
        default="Kept", description="`Replaced`: the relay writes its own (SES); the id in its reply is recorded."
    )


class LaneRule(Model):
    """Recipient domains that are paced on their own."""

    name: Name
    domains: Annotated[list[Domain], Field(min_length=1, max_length=256)]
    per_second: Rate


class Limits(Model):
    """How fast. Buckets start empty and hold one second."""

    per_second: Rate = Field(description="Messages a second over all workers, for domains that no lane names.")
    lanes: Annotated[list[LaneRule], Field(max_length=32)] = Field(default_factory=list)


class WarmUp(Model):
    """A new identity starts slowly: at most so many messages on the first day, the second day, …"""

    start_date: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", max_length=10)]
    per_day: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=90)]


class Retry(Model):
    """What a recipient's own 4xx costs."""

    max_attempts: Annotated[int, Field(ge=1, le=20)] = 5
    first_delay: Duration = "5m"
    max_delay: Duration = "4h"


class Allow(Model):
    """The only recipients that this profile may reach."""

    domains: Annotated[list[Domain], Field(max_length=256)] = Field(default_factory=list)
    addresses: Annotated[list[Address], Field(max_length=256)] = Field(default_factory=list)


class Seed(Model):
    """An inbox of the team, for proofs."""

    address: Address
    locale: Locale | None = None


class SenderProfileSpec(Model):
    """In whose name, over which relay, how fast."""

    channel: Literal["Email"] = "Email"
    brand: Name
    from_: Mailbox = Field(alias="from")
    reply_to: Mailbox | None = None
    return_path_domain: Domain = Field(description="Domain of the envelope senders (VERP), where bounces arrive.")
    unsubscribe_url: Annotated[str, Field(pattern=r"^https://[^\s\"'<>]+$", max_length=512)] = Field(
        description="Base of one-click unsubscribe links (RFC 8058); a signed token is appended."
    )
    dkim: Annotated[list[Dkim], Field(max_length=2)] = Field(default_factory=list)
    route: Route
    limits: Limits
    warm_up: WarmUp | None = None
    retry: Retry = Field(default_factory=Retry)
    allow: Allow = Field(
        default_factory=Allow,
        description="Reserved domains (RFC 2606) are always allowed, others only if named here: "
        "until bounces and unsubscribes come back, nothing else may be reached.",
    )
    seeds: Annotated[list[Seed], Field(max_length=32)] = Field(default_factory=list)
    cost_per_thousand: Money = Field(default="0", description="For the plan, in `currency`.")
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", max_length=3)] = "EUR"
    postal_address: Text = Field(default="", description="Shown by templates as `sender.postal_address`.")

    @model_validator(mode="after")
    def _plain_only_here(self) -> SenderProfileSpec:
        if self.route.tls == "None":
            if self.route.host not in ("localhost", "127.0.0.1", "::1"):
                raise ValueError("route.tls None is allowed to this machine only; use StartTls or Implicit")
            if self.route.credentials_ref:
                raise ValueError("credentials are sent inside TLS only; set route.tls to StartTls or Implicit")
        return self


class SenderProfile(Resource):
    """In whose name, over which relay, how fast. Owned by the platform."""

    short_names: ClassVar[tuple[str, ...]] = ("sender",)
    plural: ClassVar[str] = "senderprofiles"
    columns: ClassVar[tuple[tuple[str, str, str], ...]] = (
        ("Brand", "string", ".spec.brand"),
        ("From", "string", ".spec.from.address"),
        ("Relay", "string", ".spec.route.host"),
        ("PerSecond", "string", ".spec.limits.perSecond"),
    )

    kind: Literal["SenderProfile"] = "SenderProfile"
    spec: SenderProfileSpec
