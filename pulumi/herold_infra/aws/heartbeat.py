"""Every five minutes somebody outside of the cluster asks whether it is there; silence is an alarm too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_aws import cloudwatch, iam, lambda_, scheduler

import herold_infra.functions
from herold_infra.aws.documents import Statement, build_document, build_trust
from herold_infra.aws.keys import ALARMING, Keys
from herold_infra.aws.place import Data, Place
from herold_infra.aws.topic import make_inbox, make_queue
from herold_infra.component import Component

CODE = Path(herold_infra.functions.__file__).parent
RUNTIME = lambda_.Runtime.PYTHON3D13
MINUTES = 5
MISSED = 3
SECONDS = 20


@dataclass(frozen=True)
class HeartbeatArgs:
    """`url` answers 200 when all is well."""

    place: Place
    url: str
    keys: Keys
    log_days: int


class Heartbeat(Component):
    """Output: `alarm_topic_arn`, which whoever pages people subscribes to."""

    def __init__(self, args: HeartbeatArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Heartbeat", args.place.logical("heartbeat"), opts)
        self._args, self._place = args, args.place
        self._tags = args.place.tags("heartbeat", Data.OPERATIONAL)
        key = args.keys.operational
        dead = make_queue(self, self._place, "heartbeat-dead", Data.OPERATIONAL, key)
        inbox = make_inbox(self, self._place, "alarms", Data.OPERATIONAL, key, *ALARMING)
        self.alarm_topic_arn = inbox.topic_arn
        self._schedule(self._make_function(dead.arn), dead.arn)
        self._make_alarm()
        self.register_outputs({"alarmTopicArn": self.alarm_topic_arn})

    def _make_function(self, dead: pulumi.Output[str]) -> lambda_.Function:
        args, place = self._args, self._place
        name = place.name("heartbeat")
        log = cloudwatch.LogGroup(
            place.logical("heartbeat"),
            region=place.region,
            name=f"/aws/lambda/{name}",
            retention_in_days=args.log_days,
            kms_key_id=args.keys.operational.arn,
            tags=self._tags,
            opts=self.kept(),
        )
        written = place.arn("logs", f"log-group:/aws/lambda/{name}:*")
        role = self._make_role(
            "heartbeat",
            # Lambda takes the role for its functions of this account only; its trust knows no condition.
            build_document(Statement("Assume", ("sts:AssumeRole",), principals={"Service": ["lambda.amazonaws.com"]})),
            Statement("Write", ("logs:CreateLogStream", "logs:PutLogEvents"), (written,)),
            Statement("Dead", ("sqs:SendMessage",), (place.arn("sqs", place.name("heartbeat-dead")),)),
        )
        return lambda_.Function(
            place.logical("heartbeat"),
            region=place.region,
            name=name,
            description="Asks the edge whether it answers",
            runtime=RUNTIME,
            architectures=["arm64"],
            handler="heartbeat.handler",
            code=pulumi.AssetArchive({"heartbeat.py": pulumi.FileAsset(str(CODE / "heartbeat.py"))}),
            role=role.arn,
            timeout=SECONDS,
            memory_size=128,
            reserved_concurrent_executions=1,
            kms_key_arn=args.keys.operational.arn,
            environment={"variables": {"HEROLD_URL": args.url, "HEROLD_ENVIRONMENT": place.environment}},
            dead_letter_config={"target_arn": dead},
            logging_config={"log_format": "JSON", "log_group": log.name},
            tags=self._tags,
            opts=self.inside(),
        )

    def _make_role(self, thing: str, trust: str, *statements: Statement) -> iam.Role:
        role = iam.Role(
            self._place.logical(thing),
            name=self._place.worldwide(thing),
            assume_role_policy=trust,
            tags=self._tags,
            opts=self.inside(),
        )
        iam.RolePolicy(
            self._place.logical(thing),
            name="work",
            role=role.name,
            policy=build_document(*statements),
            opts=self.inside(),
        )
        return role

    def _schedule(self, function: lambda_.Function, dead: pulumi.Output[str]) -> None:
        place = self._place
        call = place.arn("lambda", f"function:{place.name('heartbeat')}")
        role = self._make_role(
            "heartbeat-schedule",
            build_trust("scheduler.amazonaws.com", place.account),
            Statement("Call", ("lambda:InvokeFunction",), (call,)),
            Statement("Dead", ("sqs:SendMessage",), (place.arn("sqs", place.name("heartbeat-dead")),)),
        )
        scheduler.Schedule(
            place.logical("heartbeat"),
            region=place.region,
            name=place.name("heartbeat"),
            schedule_expression=f"rate({MINUTES} minutes)",
            flexible_time_window={"mode": "OFF"},
            kms_key_arn=self._args.keys.operational.arn,
            target={
                "arn": function.arn,
                "role_arn": role.arn,
                "dead_letter_config": {"arn": dead},
                # The next one comes in five minutes: a late one says nothing.
                "retry_policy": {"maximum_event_age_in_seconds": 60, "maximum_retry_attempts": 2},
            },
            opts=self.inside(),
        )

    def _make_alarm(self) -> None:
        place = self._place
        cloudwatch.MetricAlarm(
            place.logical("heartbeat"),
            region=place.region,
            name=place.name("heartbeat"),
            alarm_description="The edge does not answer, or nobody asks",
            namespace="Herold",
            metric_name="alive",
            dimensions={"environment": place.environment},
            statistic="Minimum",
            period=MINUTES * 60,
            evaluation_periods=MISSED,
            comparison_operator="LessThanThreshold",
            threshold=1,
            treat_missing_data="breaching",
            alarm_actions=[self.alarm_topic_arn],
            ok_actions=[self.alarm_topic_arn],
            tags=self._tags,
            opts=self.inside(),
        )
