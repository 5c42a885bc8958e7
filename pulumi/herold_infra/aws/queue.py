"""The message broker: RabbitMQ as a cluster over three availability zones, inside the data zone."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, mq
from pydantic import Field

from herold_infra.aws.documents import Statement, build_document
from herold_infra.aws.firewall import Peer, make_group
from herold_infra.aws.keys import Keys
from herold_infra.aws.network import Network
from herold_infra.aws.password import keep_password, make_password
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.component import Component
from herold_infra.settings import Settings

PORT = 5671
ENGINE = "RABBITMQ"
# AWS has no rotation for a broker; how it is done by hand is written there.
RUNBOOK = "docs/how-to/change-a-brokers-password.md"
ADMINISTRATOR = "herold-administrator"
# A consumer that keeps a message for half an hour is dead.
CONFIGURATION = "consumer_timeout = 1800000\nquorum_queue.property_equivalence.relaxed_checks_on_redeclaration = true\n"


class QueueSettings(Settings):
    """A broker. Only the sizes that AWS offers for clusters can run quorum queues."""

    engine_version: str = Field(pattern=r"^[34]\.[0-9]+$")
    instance_type: str = Field(pattern=r"^mq\.[a-z0-9]+\.[a-z0-9]+$")


@dataclass(frozen=True)
class QueueArgs:
    """`clients`: security groups of who may connect."""

    place: Place
    settings: QueueSettings
    network: Network
    keys: Keys
    clients: dict[str, pulumi.Output[str]]


class Queue(Component):
    """Outputs: `arn`; `endpoint`, an amqps URL; `secret_arn` of the administrator."""

    def __init__(self, args: QueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Queue", args.place.logical("queue"), opts)
        self._args, self._place = args, args.place
        thing = "queue-administrator"
        password = make_password(self, args.place, thing, ADMINISTRATOR, args.keys, runbook=RUNBOOK)
        self.secret_arn = keep_password(self, args.place, thing, password)
        broker = self._make_broker(password.value)
        self.arn = broker.arn
        self.endpoint = broker.instances.apply(lambda instances: str((instances[0].endpoints or [])[0]))
        self.register_outputs({"arn": self.arn, "endpoint": self.endpoint})

    def _make_broker(self, password: pulumi.Output[str]) -> mq.Broker:
        args, place, settings = self._args, self._place, self._args.settings
        tags = place.tags("queue", Data.PERSONAL, Zone.DATA)
        group = make_group(self, place, "queue", "The broker", args.network.vpc_id, Zone.DATA, Data.PERSONAL)
        for client, client_group in args.clients.items():
            group.let_in(f"from-{client}", Peer(group=client_group), PORT)
        configuration = mq.Configuration(
            place.logical("queue"),
            region=place.region,
            name=place.name("queue"),
            description="Herold's broker",
            engine_type=ENGINE,
            engine_version=settings.engine_version,
            data=CONFIGURATION,
            tags=tags,
            opts=self.inside(),
        )
        return mq.Broker(
            place.logical("queue"),
            region=place.region,
            broker_name=place.name("queue"),
            engine_type=ENGINE,
            engine_version=settings.engine_version,
            host_instance_type=settings.instance_type,
            deployment_mode="CLUSTER_MULTI_AZ",
            publicly_accessible=False,
            # RabbitMQ 3.13 and later: AWS keeps the last patch itself, within the minor version above.
            auto_minor_version_upgrade=True,
            configuration={"id": configuration.id, "revision": configuration.latest_revision},
            encryption_options={"use_aws_owned_key": False, "kms_key_id": args.keys.personal.arn},
            logs={"general": True},
            maintenance_window_start_time={"day_of_week": "SUNDAY", "time_of_day": "04:00", "time_zone": "UTC"},
            users=[{"username": ADMINISTRATOR, "password": password}],
            subnet_ids=list(args.network.data),
            security_groups=[group.id],
            tags=tags,
            opts=self.kept(after=self._make_logs(), ignore=["users"]),
        )

    def _make_logs(self) -> list[pulumi.Resource]:
        """Let Amazon MQ write. It makes the log group itself, under an identifier that only it knows."""
        place = self._place
        policy = cloudwatch.LogResourcePolicy(
            place.logical("queue"),
            region=place.region,
            policy_name=place.name("queue"),
            policy_document=build_document(
                Statement(
                    "Write",
                    ("logs:CreateLogStream", "logs:PutLogEvents"),
                    (place.arn("logs", "log-group:/aws/amazonmq/*"),),
                    {"Service": ["mq.amazonaws.com"]},
                    {"StringEquals": {"aws:SourceAccount": place.account}},
                )
            ),
            opts=self.inside(),
        )
        return [policy]
