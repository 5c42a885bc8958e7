"""A drill of RabbitMQ on the real cluster: what was confirmed is there, whoever was killed. Needs root.

make e2e
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pika
import pytest
from local.cluster.kubectl import Kubectl
from local.cluster.progress import wait_until
from local.cluster.secret import known_value
from local.images.data import build_rabbitmq as build_rabbitmq_image

from e2e.drill import CLIENTS, NAMESPACE, PLACE, VOLUMES, Drill, Writer, drill, image_of
from herold_infra.kubernetes.rabbitmq import CLIENT, HOST, RabbitmqArgs, build_rabbitmq
from herold_infra.kubernetes.rabbitmq import PASSWORDS as RABBITMQ_PASSWORDS

QUEUE = "events"


class Queue:
    """A quorum queue of the drill's RabbitMQ, through its Service. A connection that fails is made anew."""

    def __init__(self, drill: Drill) -> None:
        password = known_value(drill.kubectl, NAMESPACE, "rabbitmq", RABBITMQ_PASSWORDS[CLIENT])
        assert password is not None
        self.where = pika.ConnectionParameters(
            drill.address(),
            virtual_host=HOST,
            credentials=pika.PlainCredentials(CLIENT, password),
            heartbeat=5,
            socket_timeout=3,
            stack_timeout=5,
            blocked_connection_timeout=10,
        )
        self._connection: Any = None
        self._channel: Any = None

    def channel(self) -> Any:
        """A channel with publisher confirms, and the queue declared."""
        if self._channel is None:
            self._connection = pika.BlockingConnection(self.where)
            self._channel = self._connection.channel()
            self._channel.queue_declare(QUEUE, durable=True)
            self._channel.confirm_delivery()
        return self._channel

    def write(self, number: int) -> None:
        """One message, confirmed by a majority."""
        try:
            persistent = pika.BasicProperties(delivery_mode=2)
            self.channel().basic_publish("", QUEUE, str(number).encode(), persistent, mandatory=True)
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """End the connection, whatever state it is in."""
        connection, self._connection, self._channel = self._connection, None, None
        try:
            if connection is not None:
                connection.close()
        except pika.exceptions.AMQPError:
            pass

    def drain(self) -> set[int]:
        """All that is in it, acknowledged."""
        found = set()
        for method, _, body in self.channel().consume(QUEUE, inactivity_timeout=5):
            if method is None:
                break
            found.add(int(body))
            self.channel().basic_ack(method.delivery_tag)
        self.close()
        return found


@pytest.fixture
def rabbitmq(kubectl: Kubectl) -> Iterator[Drill]:
    image = image_of(build_rabbitmq_image)
    with drill(kubectl, "rabbitmq", image, RABBITMQ_PASSWORDS) as made:
        made.apply(build_rabbitmq(RabbitmqArgs(PLACE, image.by_digest, "rabbitmq", CLIENTS, VOLUMES, members=3)))
        made.wait_rolled()
        wait_until("the nodes are one cluster", lambda: _nodes(made) == 3, seconds=180)
        yield made


def _nodes(rabbitmq: Drill) -> int:
    said = rabbitmq.execute("rabbitmq-0", "rabbitmqctl", "-q", "eval", "length(rabbit_nodes:all_running()).")
    return int(said.split()[-1])


def _queue(rabbitmq: Drill) -> tuple[str, str]:
    """The queue's type, and the pod of the node that leads it."""
    words = ("rabbitmqctl", "-q", "list_queues", "-p", HOST, "type", "leader", "--no-table-headers")
    kind, leader = rabbitmq.execute("rabbitmq-0", *words).split()
    return kind, leader.partition("@")[2].partition(".")[0]


def test_rabbitmq_loses_nothing_that_it_confirmed_when_the_node_of_the_queues_leader_is_killed(
    rabbitmq: Drill,
) -> None:
    queue = Queue(rabbitmq)
    with Writer(queue.write) as writer:
        writer.goes_on()
        kind, first = _queue(rabbitmq)
        assert kind == "quorum", "what is declared durable is a quorum queue"
        rabbitmq.kill(first)
        writer.goes_on()
        rabbitmq.wait_rolled()
        wait_until("it is a node again", lambda: _nodes(rabbitmq) == 3, seconds=180)
        writer.goes_on()
    queue.close()
    assert not writer.tell(f"RabbitMQ's {first} killed", queue.drain)
