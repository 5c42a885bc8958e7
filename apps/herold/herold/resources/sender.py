"""SenderProfile: in whose name, over which relay, how fast. Owned by the platform."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from herold.resources.meta import Model, Resource, SecretReference, cel, keyed_by, refuse_twice, wrong
from herold.resources.scalars import (
    CURRENCY_PATTERN,
    SELECTOR_PATTERN,
    Address,
    Date,
    Domain,
    Duration,
    Host,
    Locale,
    Money,
    Name,
    Rate,
    Text,
    Url,
    parse_duration,
)

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Mailbox(Model):
    """An address with a display name."""

    address: Address = Field(description="The mail address.")
    name: Annotated[str, Field(max_length=128)] = Field(default="", description="Shown beside the address.")


class Dkim(Model):
    """One DKIM key: RSA-2048, in the secret's `tls.key` (PEM)."""

    domain: Domain = Field(description="`d=` of the signature; should be the domain of the From address.")
    selector: Annotated[str, Field(pattern=SELECTOR_PATTERN, max_length=63)] = Field(
        description="`s=` of the signature: the key is published at `<selector>._domainkey.<domain>`."
    )
    key_ref: SecretReference = Field(description="Secret whose `tls.key` is the private key (PEM, RSA-2048).")


class Route(Model):
    """The relay and what it can do."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "self.tls != 'None' || self.host in ['localhost', '127.0.0.1', '::1']",
                "tls None is allowed to this machine only",
            ),
            ("self.tls != 'None' || !has(self.credentialsRef)", "credentials are sent inside TLS only"),
        )
    )

    host: Host = Field(description="Host of the relay.")
    port: Annotated[int, Field(ge=1, le=65_535)] = Field(default=587, description="Port of the relay.")
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
        default="Kept",
        description="`Replaced`: the relay writes its own Message-ID, Date and Feedback-ID (SES): our signature leaves "
        "them out, and the id in its reply is recorded.",
    )

    @model_validator(mode="after")
    def _plain_only_here(self) -> Route:
        if self.tls == "None" and self.host not in _LOOPBACK:
            raise wrong("tls None is allowed to this machine only", "tls", fix="write StartTls or Implicit")
        if self.tls == "None" and self.credentials_ref:
            raise wrong("credentials are sent inside TLS only", "credentialsRef", fix="write tls: StartTls or Implicit")
        return self


class LaneRule(Model):
    """Recipient domains that are paced on their own."""

    name: Name = Field(description="Name of the lane in reports and metrics.")
    domains: Annotated[list[Domain], Field(min_length=1, max_length=256)] = Field(
        description="Domains of recipients; a domain stands in one lane only."
    )
    per_second: Rate = Field(description="Messages a second over all workers.")


class Limits(Model):
    """How fast. Buckets start empty and hold one second."""

    per_second: Rate = Field(description="Messages a second over all workers, for domains that no lane names.")
    lanes: Annotated[list[LaneRule], Field(max_length=32)] = Field(
        default_factory=list,
        description="Groups of domains with a pace of their own; each name once.",
        json_schema_extra=keyed_by("name"),
    )

    @model_validator(mode="after")
    def _unique(self) -> Limits:
        refuse_twice((lane.name for lane in self.lanes), "lanes", name="name")
        seen: set[str] = set()
        for index, lane in enumerate(self.lanes):
            for place, domain in enumerate(lane.domains):
                if domain in seen:
                    raise wrong(f"{domain} stands in a lane already", "lanes", index, "domains", place, fix="remove it")
                seen.add(domain)
        return self


class WarmUp(Model):
    """A new identity starts slowly: at most so many messages on the first day, the second day, …"""

    start_date: Date = Field(description="The first day.")
    per_day: Annotated[list[Annotated[int, Field(ge=1, le=100_000_000)]], Field(min_length=1, max_length=90)] = Field(
        description="Most messages on each day from the first; after the last day there is no such limit."
    )


class Retry(Model):
    """What a recipient's own 4xx costs."""

    max_attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        default=5, description="Tries for each recipient, the first one included."
    )
    first_delay: Duration = Field(default="5m", description="Wait after the first 4xx; later ones are longer.")
    max_delay: Duration = Field(default="4h", description="Longest wait between two tries.")

    @model_validator(mode="after")
    def _order(self) -> Retry:
        if parse_duration(self.max_delay) < parse_duration(self.first_delay):
            raise wrong(f"maxDelay {self.max_delay} is shorter than firstDelay {self.first_delay}", "maxDelay")
        return self


class Allow(Model):
    """The only recipients that this profile may reach."""

    domains: Annotated[list[Domain], Field(max_length=256)] = Field(
        default_factory=list, description="Everybody at these domains."
    )
    addresses: Annotated[list[Address], Field(max_length=256)] = Field(
        default_factory=list, description="These addresses."
    )


class Seed(Model):
    """An inbox of the team, for proofs."""

    address: Address = Field(description="The inbox.")
    name: Name | None = Field(default=None, description="What it is called where others read: never by its address.")
    locale: Locale | None = Field(default=None, description="Locale of its proof.")


class SenderProfileSpec(Model):
    """In whose name, over which relay, how fast."""

    channel: Literal["Email"] = Field(default="Email", description="How messages travel.")
    brand: Name = Field(description="Brand to which recipients gave consent.")
    from_: Mailbox = Field(alias="from", description="Sender that recipients see; templates read `sender.name`.")
    reply_to: Mailbox | None = Field(default=None, description="Where answers go; without it, to `from`.")
    return_path_domain: Domain = Field(description="Domain of the envelope senders (VERP), where bounces arrive.")
    unsubscribe_url: Url = Field(
        description="Base of one-click unsubscribe links (RFC 8058); a signed token is appended."
    )
    dkim: Annotated[list[Dkim], Field(max_length=2)] = Field(
        default_factory=list,
        description="Keys that sign every message; two while one is rotated. With `route.messageId: Replaced` only the "
        "first signs: SES refuses a message with two signatures.",
    )
    route: Route = Field(description="The relay.")
    limits: Limits = Field(description="How fast.")
    warm_up: WarmUp | None = Field(default=None, description="Daily limits of a new identity.")
    retry: Retry = Field(default_factory=Retry, description="When a recipient's server says to try later.")
    allow: Allow = Field(
        default_factory=Allow,
        description="Reserved domains (RFC 2606) are always allowed, others only if named here: "
        "until bounces and unsubscribes come back, nothing else may be reached.",
    )
    seeds: Annotated[list[Seed], Field(max_length=32)] = Field(
        default_factory=list, description="Inboxes of the team, for proofs (`herold proof`)."
    )
    cost_per_thousand: Money = Field(default="0", description="Of messages, for the plan, in `currency`.")
    currency: Annotated[str, Field(pattern=CURRENCY_PATTERN, max_length=3)] = Field(
        default="EUR", description="Currency of `costPerThousand`."
    )
    postal_address: Text = Field(default="", description="Shown by templates as `sender.postal_address`.")


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
    spec: SenderProfileSpec = Field(description="The sender.")
