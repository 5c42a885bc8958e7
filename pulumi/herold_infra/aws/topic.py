"""Events of AWS that we must not lose: a topic, a queue behind it, and a place for what could not be read."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import sns, sqs

from herold_infra.aws.documents import Statement, build_document
from herold_infra.aws.keys import Key
from herold_infra.aws.place import Data, Place
from herold_infra.component import Component

# SQS keeps no message longer.
DAYS_14 = 14 * 24 * 3600
VISIBLE_SECONDS = 60
TRIES = 10


@dataclass(frozen=True)
class Inbox:
    """`topic_arn`, where a service of AWS publishes; `queue_arn` and `queue_url`, where we read."""

    topic_arn: pulumi.Output[str]
    queue_arn: pulumi.Output[str]
    queue_url: pulumi.Output[str]


def make_inbox(owner: Component, place: Place, thing: str, data: Data, key: Key, *publishers: str) -> Inbox:
    """`publishers`: the services that may publish, for this account only."""
    topic = sns.Topic(
        place.logical(thing),
        region=place.region,
        name=place.name(thing),
        kms_master_key_id=key.arn,
        policy=build_document(
            Statement(
                "Publish",
                # Managed Prometheus looks at the topic before it writes to it.
                ("sns:Publish", "sns:GetTopicAttributes") if "aps.amazonaws.com" in publishers else ("sns:Publish",),
                (place.arn("sns", place.name(thing)),),
                {"Service": list(publishers)},
                {"StringEquals": {"aws:SourceAccount": place.account}},
            )
        ),
        tags=place.tags(thing, data),
        opts=owner.inside(),
    )
    dead = make_queue(owner, place, f"{thing}-dead", data, key)
    queue = make_queue(owner, place, thing, data, key, dead=dead, topic=place.arn("sns", place.name(thing)))
    sns.TopicSubscription(
        place.logical(thing),
        region=place.region,
        topic=topic.arn,
        protocol="sqs",
        endpoint=queue.arn,
        raw_message_delivery=True,
        opts=owner.inside(),
    )
    return Inbox(topic.arn, queue.arn, queue.url)


def make_queue(
    owner: Component,
    place: Place,
    thing: str,
    data: Data,
    key: Key,
    *,
    dead: sqs.Queue | None = None,
    topic: str | None = None,
) -> sqs.Queue:
    """A queue that keeps what nobody reads for two weeks. `topic`: the one that may write to it."""
    name = place.name(thing)
    statements = [
        Statement(
            "OnlyTls",
            ("sqs:*",),
            (place.arn("sqs", name),),
            {"AWS": ["*"]},
            {"Bool": {"aws:SecureTransport": "false"}},
            effect="Deny",
        )
    ]
    if topic:
        condition: dict[str, dict[str, str | list[str]]] = {"ArnEquals": {"aws:SourceArn": topic}}
        statements.append(
            Statement(
                "FromTopic",
                ("sqs:SendMessage",),
                (place.arn("sqs", name),),
                {"Service": ["sns.amazonaws.com"]},
                condition,
            )
        )
    redrive = (
        dead.arn.apply(lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": TRIES})) if dead else None
    )
    return sqs.Queue(
        place.logical(thing),
        region=place.region,
        name=name,
        kms_master_key_id=key.arn,
        message_retention_seconds=DAYS_14,
        visibility_timeout_seconds=VISIBLE_SECONDS,
        receive_wait_time_seconds=20,
        redrive_policy=redrive,
        policy=build_document(*statements),
        tags=place.tags(thing, data),
        opts=owner.kept(),
    )
