"""Two ways into the network: people by a client, each by name; the company's own site by two tunnels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pulumi
from pulumi_aws import cloudwatch, ec2, ec2clientvpn
from pydantic import Field

from herold_infra.aws.firewall import Peer, make_group
from herold_infra.aws.keys import Keys
from herold_infra.aws.network import Network
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.component import Component
from herold_infra.settings import Settings

HOURS = 10
# Elliptic curves and groups of 3072 bits and more; AES with its own integrity.
GROUPS = [19, 20, 21]
CIPHERS = ["AES256-GCM-16"]
HASHES = ["SHA2-384", "SHA2-512"]
SITE_PORT = 443
Arn = Annotated[str, Field(pattern="^arn:aws:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$")]


class VpnSettings(Settings):
    """`identity`: the SAML provider that asks people for their second factor; `groups`: which of its groups may enter.

    `site_address`: the public address of the company's own gateway; `site_number`: its number for BGP.
    """

    client_cidr: str = Field(pattern=r"^10\.[0-9]{1,3}\.[0-9]{1,3}\.0/22$")
    certificate: Arn
    identity: Arn
    groups: tuple[str, ...] = Field(strict=False, min_length=1)
    site_address: str = Field(pattern=r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$")
    site_number: int = Field(ge=64512, le=65534)
    log_days: int = Field(ge=1, le=3653)


@dataclass(frozen=True)
class VpnArgs:
    """What the ways in are made from."""

    place: Place
    settings: VpnSettings
    network: Network
    keys: Keys


class Vpn(Component):
    """Outputs: `client_endpoint_id`, of which people download their profile; `site_connection_id`.

    `tunnels`: AWS's two addresses of the site's connection.
    """

    def __init__(self, args: VpnArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Vpn", args.place.logical("vpn"), opts)
        self._args, self._place, self._settings = args, args.place, args.settings
        self._tags = args.place.tags("vpn", Data.OPERATIONAL, Zone.APPLICATION)
        self._log = cloudwatch.LogGroup(
            args.place.logical("vpn"),
            region=args.place.region,
            name=f"/herold/{args.place.environment}/vpn",
            retention_in_days=args.settings.log_days,
            kms_key_id=args.keys.operational.arn,
            tags=args.place.tags("vpn", Data.OPERATIONAL),
            opts=self.kept(),
        )
        self.client_endpoint_id = self._make_for_people()
        site = self._make_for_site()
        self.site_connection_id, self.tunnels = site.id, (site.tunnel1_address, site.tunnel2_address)
        self.register_outputs(
            {"clientEndpointId": self.client_endpoint_id, "siteConnectionId": self.site_connection_id}
        )

    def _make_for_people(self) -> pulumi.Output[str]:
        args, place, settings = self._args, self._place, self._settings
        group = make_group(
            self,
            place,
            "people",
            "People who came in by the client",
            args.network.vpc_id,
            Zone.APPLICATION,
            Data.OPERATIONAL,
        )
        group.let_out("to-network", Peer(cidr=args.network.cidr), SITE_PORT)
        stream = cloudwatch.LogStream(
            place.logical("people"),
            region=place.region,
            name="people",
            log_group_name=self._log.name,
            opts=self.inside(),
        )
        endpoint = ec2clientvpn.Endpoint(
            place.logical("people"),
            region=place.region,
            description="People of the platform's team",
            vpc_id=args.network.vpc_id,
            client_cidr_block=settings.client_cidr,
            server_certificate_arn=settings.certificate,
            authentication_options=[{"type": "federated-authentication", "saml_provider_arn": settings.identity}],
            connection_log_options={
                "enabled": True,
                "cloudwatch_log_group": self._log.name,
                "cloudwatch_log_stream": stream.name,
            },
            split_tunnel=True,
            session_timeout_hours=HOURS,
            disconnect_on_session_timeout=True,
            security_group_ids=[group.id],
            tags=self._tags,
            opts=self.inside(),
        )
        for number, subnet in enumerate(args.network.application[:2]):
            ec2clientvpn.NetworkAssociation(
                place.logical(f"people-{number}"),
                region=place.region,
                client_vpn_endpoint_id=endpoint.id,
                subnet_id=subnet,
                opts=self.inside(),
            )
        for number, allowed in enumerate(settings.groups):
            ec2clientvpn.AuthorizationRule(
                place.logical(f"people-{number}"),
                region=place.region,
                client_vpn_endpoint_id=endpoint.id,
                target_network_cidr=args.network.cidr,
                access_group_id=allowed,
                description=allowed,
                opts=self.inside(),
            )
        return endpoint.id

    def _make_for_site(self) -> ec2.VpnConnection:
        args, place, settings = self._args, self._place, self._settings
        theirs = ec2.CustomerGateway(
            place.logical("site"),
            region=place.region,
            type="ipsec.1",
            ip_address=settings.site_address,
            bgp_asn=str(settings.site_number),
            tags=self._tags,
            opts=self.inside(),
        )
        ours = ec2.VpnGateway(
            place.logical("site"),
            region=place.region,
            vpc_id=args.network.vpc_id,
            tags=self._tags,
            opts=self.inside(),
        )
        # The application zone learns the site's routes. The data zone does not: nobody there may be asked from outside.
        for number, table in enumerate(args.network.application_tables):
            ec2.VpnGatewayRoutePropagation(
                place.logical(f"site-{number}"),
                region=place.region,
                vpn_gateway_id=ours.id,
                route_table_id=table,
                opts=self.inside(),
            )
        return ec2.VpnConnection(
            place.logical("site"),
            region=place.region,
            type="ipsec.1",
            customer_gateway_id=theirs.id,
            vpn_gateway_id=ours.id,
            static_routes_only=False,
            # The keys of the tunnels never pass through here.
            preshared_key_storage="SecretsManager",
            tunnel1_ike_versions=["ikev2"],
            tunnel1_phase1_dh_group_numbers=GROUPS,
            tunnel1_phase1_encryption_algorithms=CIPHERS,
            tunnel1_phase1_integrity_algorithms=HASHES,
            tunnel1_phase2_dh_group_numbers=GROUPS,
            tunnel1_phase2_encryption_algorithms=CIPHERS,
            tunnel1_phase2_integrity_algorithms=HASHES,
            tunnel2_ike_versions=["ikev2"],
            tunnel2_phase1_dh_group_numbers=GROUPS,
            tunnel2_phase1_encryption_algorithms=CIPHERS,
            tunnel2_phase1_integrity_algorithms=HASHES,
            tunnel2_phase2_dh_group_numbers=GROUPS,
            tunnel2_phase2_encryption_algorithms=CIPHERS,
            tunnel2_phase2_integrity_algorithms=HASHES,
            tags=self._tags,
            opts=self.inside(),
        )
