"""The edge: where people's clicks and unsubscribes come in, through a firewall, by TLS 1.2 at least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import acm, cloudwatch, lb, route53, wafv2
from pydantic import Field

from herold_infra.aws.bucket import BucketPlan, bucket_name, make_bucket
from herold_infra.aws.documents import Statement
from herold_infra.aws.firewall import Group, Peer, make_group
from herold_infra.aws.firewall_rules import build_rules, seen
from herold_infra.aws.keys import Keys
from herold_infra.aws.network import Network
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.component import Component
from herold_infra.settings import Settings

TLS = "ELBSecurityPolicy-TLS13-1-2-2021-06"
HEALTH = "/healthz"
TARGET_PORT = 8443
EVERYBODY = Peer(cidr="0.0.0.0/0")


class EdgeSettings(Settings):
    """`domain` in the hosted zone `zone_id`; `rate`: requests of one address in five minutes."""

    domain: str = Field(pattern=r"^[a-z0-9.-]+\.[a-z]{2,}$")
    zone_id: str = Field(pattern="^Z[A-Z0-9]{5,31}$")
    rate: int = Field(ge=100, le=2_000_000)
    log_days: int = Field(ge=1, le=3653)


@dataclass(frozen=True)
class EdgeArgs:
    """`pods`: the security group of what answers. `part`: whether it is asked first, or when the other one is down."""

    place: Place
    settings: EdgeSettings
    network: Network
    keys: Keys
    pods: pulumi.Output[str]
    part: Literal["PRIMARY", "SECONDARY"]


class Edge(Component):
    """Outputs: `target_group_arn`, where the cluster registers its pods; `domain`."""

    def __init__(self, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Edge", args.place.logical("edge"), opts)
        self._args, self._place, self._settings = args, args.place, args.settings
        self._tags = args.place.tags("edge", Data.OPERATIONAL, Zone.PUBLIC)
        balancer = self._make_balancer(self._make_group())
        target = self._make_target()
        self._make_listeners(balancer, target, self._make_certificate())
        self._make_firewall(balancer)
        self._make_name(balancer)
        self.domain, self.target_group_arn = args.settings.domain, target.arn
        self.register_outputs({"targetGroupArn": self.target_group_arn, "domain": self.domain})

    def _make_group(self) -> Group:
        args = self._args
        group = make_group(self, self._place, "edge", "Everybody", args.network.vpc_id, Zone.PUBLIC, Data.OPERATIONAL)
        group.let_in("https", EVERYBODY, 443)
        # Only to be told where HTTPS is.
        group.let_in("http", EVERYBODY, 80)
        group.let_out("to-pods", Peer(group=args.pods), TARGET_PORT)
        Group(self, self._place, "pods", args.pods).let_in("from-edge", Peer(group=group.id), TARGET_PORT)
        return group

    def _make_balancer(self, group: Group) -> lb.LoadBalancer:
        place = self._place
        prefix = "edge"
        # The service that writes access logs can't use a key of ours.
        written = Statement(
            "Write",
            ("s3:PutObject",),
            (f"arn:aws:s3:::{bucket_name(place, 'edge-log')}/{prefix}/AWSLogs/{place.account}/*",),
            {"Service": ["logdelivery.elasticloadbalancing.amazonaws.com"]},
            {"StringEquals": {"aws:SourceAccount": place.account}},
        )
        plan = BucketPlan("edge-log", Data.OPERATIONAL, self._settings.log_days, writers=(written,))
        bucket = make_bucket(self, place, plan)
        return lb.LoadBalancer(
            place.logical("edge"),
            region=place.region,
            name=place.name("edge"),
            load_balancer_type="application",
            internal=False,
            subnets=list(self._args.network.public),
            security_groups=[group.id],
            drop_invalid_header_fields=True,
            desync_mitigation_mode="strictest",
            enable_deletion_protection=True,
            enable_waf_fail_open=False,
            access_logs={"bucket": bucket.bucket, "prefix": prefix, "enabled": True},
            tags=self._tags,
            opts=self.kept(),
        )

    def _make_target(self) -> lb.TargetGroup:
        return lb.TargetGroup(
            self._place.logical("edge"),
            region=self._place.region,
            name=self._place.name("edge"),
            vpc_id=self._args.network.vpc_id,
            target_type="ip",
            port=TARGET_PORT,
            protocol="HTTPS",
            deregistration_delay=30,
            health_check={"path": HEALTH, "protocol": "HTTPS", "matcher": "200", "interval": 10, "timeout": 5},
            tags=self._tags,
            opts=self.inside(),
        )

    def _make_certificate(self) -> pulumi.Output[str]:
        """Renewed by AWS as long as the record that proves the domain stands."""
        place, settings = self._place, self._settings
        certificate = acm.Certificate(
            place.logical("edge"),
            region=place.region,
            domain_name=settings.domain,
            validation_method="DNS",
            key_algorithm="EC_prime256v1",
            tags=self._tags,
            opts=self.inside(),
        )
        proof = certificate.domain_validation_options[0]
        record = route53.Record(
            place.logical("edge-proof"),
            zone_id=settings.zone_id,
            name=proof.resource_record_name.apply(str),
            type=proof.resource_record_type.apply(str),
            records=[proof.resource_record_value.apply(str)],
            ttl=300,
            # Both regions prove the same domain by the same record.
            allow_overwrite=True,
            opts=self.inside(),
        )
        valid = acm.CertificateValidation(
            place.logical("edge"),
            region=place.region,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=self.inside(),
        )
        return valid.certificate_arn

    def _make_listeners(
        self, balancer: lb.LoadBalancer, target: lb.TargetGroup, certificate: pulumi.Output[str]
    ) -> None:
        place = self._place
        lb.Listener(
            place.logical("edge-https"),
            region=place.region,
            load_balancer_arn=balancer.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS,
            certificate_arn=certificate,
            default_actions=[{"type": "forward", "target_group_arn": target.arn}],
            tags=self._tags,
            opts=self.inside(),
        )
        redirect: lb.ListenerDefaultActionRedirectArgsDict = {
            "protocol": "HTTPS",
            "port": "443",
            "status_code": "HTTP_301",
        }
        lb.Listener(
            place.logical("edge-http"),
            region=place.region,
            load_balancer_arn=balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[{"type": "redirect", "redirect": redirect}],
            tags=self._tags,
            opts=self.inside(),
        )

    def _make_firewall(self, balancer: lb.LoadBalancer) -> None:
        place = self._place
        acl = wafv2.WebAcl(
            place.logical("edge"),
            region=place.region,
            name=place.name("edge"),
            scope="REGIONAL",
            default_action={"allow": {}},
            rules=build_rules(self._settings.rate),
            visibility_config=seen("edge"),
            tags=self._tags,
            opts=self.inside(),
        )
        wafv2.WebAclAssociation(
            place.logical("edge"),
            region=place.region,
            resource_arn=balancer.arn,
            web_acl_arn=acl.arn,
            opts=self.inside(),
        )
        log = cloudwatch.LogGroup(
            place.logical("edge-firewall"),
            region=place.region,
            # AWS WAF writes to names that begin so, and to no others.
            name=f"aws-waf-logs-{place.name('edge')}",
            retention_in_days=self._settings.log_days,
            kms_key_id=self._args.keys.operational.arn,
            tags=place.tags("edge-firewall", Data.OPERATIONAL),
            opts=self.kept(),
        )
        wafv2.WebAclLoggingConfiguration(
            place.logical("edge"),
            region=place.region,
            resource_arn=acl.arn,
            log_destination_configs=[log.arn],
            # A link names a person by its path or its query.
            redacted_fields=[
                {"uri_path": {}},
                {"query_string": {}},
                {"single_header": {"name": "authorization"}},
                {"single_header": {"name": "cookie"}},
            ],
            opts=self.inside(),
        )

    def _make_name(self, balancer: lb.LoadBalancer) -> None:
        """The other region answers when this one does not."""
        place, settings, part = self._place, self._settings, self._args.part
        health = route53.HealthCheck(
            place.logical("edge"),
            type="HTTPS",
            fqdn=balancer.dns_name,
            port=443,
            resource_path=HEALTH,
            enable_sni=True,
            request_interval=30,
            failure_threshold=3,
            tags=self._tags,
            opts=self.inside(),
        )
        route53.Record(
            place.logical("edge"),
            zone_id=settings.zone_id,
            name=settings.domain,
            type="A",
            set_identifier=place.region,
            failover_routing_policies=[{"type": part}],
            health_check_id=health.id,
            aliases=[{"name": balancer.dns_name, "zone_id": balancer.zone_id, "evaluate_target_health": True}],
            opts=self.inside(),
        )
