"""Drills of Redis on the real cluster: what had settled is there, whoever was killed or hung. Needs root.

make e2e
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from local.cluster.kubectl import Kubectl
from local.cluster.progress import wait_until
from local.cluster.secret import known_value
from local.images.data import build_redis as build_redis_image
from redis.backoff import NoBackoff
from redis.retry import Retry

from e2e import machine
from e2e.drill import CLIENTS, NAMESPACE, PLACE, VOLUMES, Drill, Writer, drill, image_of
from herold_infra.kubernetes.redis import PASSWORDS as REDIS_PASSWORDS
from herold_infra.kubernetes.redis import RedisArgs, build_redis

# What was written this long before is on a replica, and on disk.
SETTLED = 1.5


class Cache:
    """Lists in the drill's Redis, by way of its Sentinels. They name members by their names in the cluster."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        password = known_value(drill.kubectl, NAMESPACE, "redis", "client")
        assert password is not None
        self._who: dict[str, Any] = {"username": "herold", "password": password, "socket_timeout": 2.0}
        # Whoever asks tries again by itself, and asks the Sentinels first.
        self._who["retry"] = Retry(NoBackoff(), 0)
        self._master: redis.Redis | None = None

    def master(self) -> str:
        """The pod that the Sentinels call the master. One that hangs is passed over."""
        for _ in range(10):
            try:
                with redis.Redis(self.drill.address("redis-sentinels"), 26379, **self._who) as sentinel:
                    found = sentinel.sentinel_get_master_addr_by_name("herold")
            except redis.RedisError:
                continue
            name = found[0].decode() if isinstance(found[0], bytes) else str(found[0])
            return name.partition(".")[0]
        raise AssertionError("no Sentinel answers")

    def connect(self, pod: str) -> redis.Redis:
        """That member."""
        return redis.Redis(self.drill.pod(pod)["status"]["podIP"], 6379, **self._who)

    def write(self, number: int) -> None:
        """One number, appended."""
        try:
            if self._master is None:
                self._master = self.connect(self.master())
            self._master.rpush("numbers", number)
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """End the connection."""
        if self._master is not None:
            self._master.close()
            self._master = None

    def numbers(self) -> set[int]:
        """All that the master has."""
        with self.connect(self.master()) as member:
            return {int(number) for number in member.lrange("numbers", 0, -1)}

    def forget(self) -> None:
        """Nothing was ever written."""
        with self.connect(self.master()) as member:
            member.delete("numbers")

    def replicas(self) -> int:
        """How many follow the master, and count for it: before that it takes no writes."""
        with self.connect(self.master()) as member:
            return int(member.info("replication")["min_slaves_good_slaves"])


@pytest.fixture(scope="module")
def members(kubectl: Kubectl) -> Iterator[Drill]:
    """Three, for all drills of this file."""
    image = image_of(build_redis_image)
    with drill(kubectl, "redis", image, REDIS_PASSWORDS) as made:
        made.apply(build_redis(RedisArgs(PLACE, image.by_digest, "redis", CLIENTS, VOLUMES, members=3)))
        yield made


@pytest.fixture
def cache(members: Drill) -> Cache:
    """All are well, whatever was done to one before, and nothing is in it."""
    members.wait_rolled()
    found = Cache(members)
    wait_until("two follow the master", lambda: found.replicas() == 2, seconds=120)
    found.forget()
    return found


def test_redis_goes_on_with_another_master_when_its_own_hangs_and_keeps_what_had_settled(cache: Cache) -> None:
    with Writer(cache.write) as writer:
        writer.goes_on()
        first = cache.master()
        with machine.frozen(cache.drill.pod(first)["metadata"]["uid"]):
            hung = time.monotonic()
            wait_until("another is the master", lambda: cache.master() != first, seconds=60)
            writer.goes_on()
        writer.goes_on()
    cache.close()
    lost = writer.tell(f"Redis' master {first} hung, {cache.master()} is it", cache.numbers)
    assert not lost & {number for number, at in writer.acknowledged if not hung - SETTLED < at < hung}


def test_redis_has_all_again_when_its_master_was_killed(cache: Cache) -> None:
    with Writer(cache.write) as writer:
        writer.goes_on()
        first = cache.master()
        killed = time.monotonic()
        cache.drill.kill(first)
        writer.goes_on()
    cache.close()
    lost = writer.tell(f"Redis' master {first} killed, {cache.master()} is it", cache.numbers)
    assert not lost & {number for number, at in writer.acknowledged if not killed - SETTLED < at < killed}
