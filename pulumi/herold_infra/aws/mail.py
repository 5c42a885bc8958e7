"""Mail by SES and the way to it; bounces and complaints come back by a queue, so that none is missed."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, route53, sesv2
from pydantic import Field

from herold_infra.aws.firewall import Peer, make_group
from herold_infra.aws.keys import Keys
from herold_infra.aws.network import Network
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.aws.topic import Inbox, make_inbox
from herold_infra.component import Component
from herold_infra.settings import Settings

# One set a class of messages: their reputations, and what is suppressed, are kept apart.
SETS = ("marketing", "transactional")
EVENTS = ("BOUNCE", "COMPLAINT", "DELIVERY", "REJECT", "DELIVERY_DELAY", "SUBSCRIPTION")
TTL = 3600
DKIM_TOKENS = 3
# Submission with STARTTLS. EC2 throttles port 25.
PORT = 587


class MailSettings(Settings):
    """A domain that mail comes from, in the hosted zone `zone_id`; `reports`: where receivers report to."""

    domain: str = Field(pattern=r"^[a-z0-9.-]+\.[a-z]{2,}$")
    zone_id: str = Field(pattern="^Z[A-Z0-9]{5,31}$")
    reports: str = Field(pattern=r"^[a-z0-9.-]+@[a-z0-9.-]+$")


@dataclass(frozen=True)
class MailArgs:
    """What mail is made from. `senders`: the security group of what may send."""

    place: Place
    settings: MailSettings
    network: Network
    keys: Keys
    senders: pulumi.Output[str]


class Mail(Component):
    """Outputs: `queue_url` and `queue_arn` of the events; `configuration_sets` by class of messages."""

    def __init__(self, args: MailArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Mail", args.place.logical("mail"), opts)
        self._place, self._settings = args.place, args.settings
        inbox = make_inbox(self, args.place, "mail-events", Data.PERSONAL, args.keys.personal, "ses.amazonaws.com")
        self.configuration_sets = {name: self._make_set(name, inbox) for name in SETS}
        self._make_identity(self.configuration_sets["marketing"])
        self._make_relay(args.network, args.senders)
        self.queue_url, self.queue_arn = inbox.queue_url, inbox.queue_arn
        self.register_outputs({"queueUrl": self.queue_url, "queueArn": self.queue_arn})

    def _make_set(self, name: str, inbox: Inbox) -> pulumi.Output[str]:
        place, thing = self._place, f"mail-{name}"
        made = sesv2.ConfigurationSet(
            place.logical(thing),
            region=place.region,
            configuration_set_name=place.name(name),
            # A receiver without TLS gets nothing: SES would otherwise send in clear.
            delivery_options={"tls_policy": "REQUIRE"},
            reputation_options={"reputation_metrics_enabled": True},
            sending_options={"sending_enabled": True},
            suppression_options={"suppressed_reasons": ["BOUNCE", "COMPLAINT"]},
            tags=place.tags(thing, Data.PERSONAL),
            opts=self.inside(),
        )
        sesv2.ConfigurationSetEventDestination(
            place.logical(thing),
            region=place.region,
            configuration_set_name=made.configuration_set_name,
            event_destination_name="events",
            event_destination={
                "enabled": True,
                "matching_event_types": list(EVENTS),
                "sns_destination": {"topic_arn": inbox.topic_arn},
            },
            opts=self.inside(),
        )
        return made.configuration_set_name

    def _make_identity(self, configuration_set: pulumi.Output[str]) -> None:
        place, settings = self._place, self._settings
        identity = sesv2.EmailIdentity(
            place.logical("mail"),
            region=place.region,
            email_identity=settings.domain,
            configuration_set_name=configuration_set,
            dkim_signing_attributes={"next_signing_key_length": "RSA_2048_BIT"},
            tags=place.tags("mail", Data.PERSONAL),
            opts=self.kept(),
        )
        for number in range(DKIM_TOKENS):
            token = _token(identity, number)
            name = token.apply(lambda text: f"{text}._domainkey.{settings.domain}")
            self._make_record(f"dkim-{number}", name, "CNAME", token.apply(lambda text: f"{text}.dkim.amazonses.com"))
        sender = f"bounce.{settings.domain}"
        sesv2.EmailIdentityMailFromAttributes(
            place.logical("mail"),
            region=place.region,
            email_identity=identity.email_identity,
            mail_from_domain=sender,
            behavior_on_mx_failure="REJECT_MESSAGE",
            opts=self.inside(),
        )
        self._make_record("bounce-mx", sender, "MX", f"10 feedback-smtp.{place.region}.amazonses.com")
        self._make_record("bounce-spf", sender, "TXT", "v=spf1 include:amazonses.com -all")
        policy = f"v=DMARC1; p=reject; adkim=s; aspf=r; rua=mailto:{settings.reports}"
        self._make_record("dmarc", f"_dmarc.{settings.domain}", "TXT", policy)

    def _make_relay(self, network: Network, senders: pulumi.Output[str]) -> None:
        """SES' SMTP endpoint at private addresses of the application zone, under the name that it has everywhere.

        By it mail needs no way to the internet, and a network policy can name where the relay is. SES has no policies
        for its endpoints, and not every availability zone of every region has the endpoint:
        https://docs.aws.amazon.com/ses/latest/dg/send-email-set-up-vpc-endpoints.html.
        """
        place = self._place
        group = make_group(
            self, place, "relay", "Takes mail from senders only", network.vpc_id, Zone.APPLICATION, Data.PERSONAL
        )
        group.let_in("from-senders", Peer(group=senders), PORT)
        ec2.VpcEndpoint(
            place.logical("relay"),
            region=place.region,
            vpc_id=network.vpc_id,
            service_name=f"com.amazonaws.{place.region}.email-smtp",
            vpc_endpoint_type="Interface",
            subnet_ids=list(network.application),
            security_group_ids=[group.id],
            private_dns_enabled=True,
            tags=place.tags("relay", Data.PERSONAL, Zone.APPLICATION),
            opts=self.inside(),
        )

    def _make_record(self, thing: str, name: pulumi.Input[str], kind: str, value: pulumi.Input[str]) -> None:
        route53.Record(
            self._place.logical(f"mail-{thing}"),
            zone_id=self._settings.zone_id,
            name=name,
            type=kind,
            records=[value],
            ttl=TTL,
            opts=self.inside(),
        )


def relay_host(region: str) -> str:
    """The name of SES' SMTP endpoint: in the network it is resolved to private addresses."""
    return f"email-smtp.{region}.amazonaws.com"


def _token(identity: sesv2.EmailIdentity, number: int) -> pulumi.Output[str]:
    return identity.dkim_signing_attributes.apply(lambda signed: str((signed.tokens or [])[number]))
