"""Drills of Redis on the real cluster: what had settled is there, whoever was killed or hung. Needs root.

make e2e
"""

from __future__ import annotations

import time
from collections import Counter
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

# What was written this long before is on a replica, and on disk. Writing goes on for longer than that first.
SETTLED = 1.5
MEMBERS = tuple(f"redis-{number}" for number in range(3))


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
        """The pod that two Sentinels call the master. One that hangs is passed over, and one that hung is outvoted."""
        for _ in range(10):
            named: Counter[str] = Counter()
            for pod in MEMBERS:
                name = self._named_by(pod)
                named[name] += 1
                if name and named[name] == 2:
                    return name
        raise AssertionError("no two Sentinels agree")

    def _named_by(self, pod: str) -> str:
        try:
            with self.sentinel(pod) as sentinel:
                found = sentinel.sentinel_get_master_addr_by_name("herold")[0]
        except redis.RedisError:
            return ""
        return (found.decode() if isinstance(found, bytes) else str(found)).partition(".")[0]

    def sentinel(self, pod: str) -> redis.Redis:
        """The Sentinel of a member."""
        return redis.Redis(self.address(pod), 26379, **self._who)

    def voters(self) -> int:
        """How many Sentinels take part. One that hung does not for 30 s."""
        count = 0
        for pod in MEMBERS:
            with self.sentinel(pod) as sentinel:
                count += not int(sentinel.info("sentinel")["sentinel_tilt"])
        return count

    def address(self, pod: str) -> str:
        """Where a member is; nowhere while it is made anew."""
        found = self.drill.kubectl.get("pod", pod, "-n", NAMESPACE)
        return str((found or {}).get("status", {}).get("podIP", "127.0.0.1"))

    def role(self, pod: str) -> str:
        """What a member calls itself; "" while it is not there."""
        try:
            with self.connect(pod) as member:
                return str(member.info("replication")["role"])
        except redis.RedisError:
            return ""

    def connect(self, pod: str) -> redis.Redis:
        """That member."""
        return redis.Redis(self.address(pod), 6379, **self._who)

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
        made.apply(build_redis(RedisArgs(PLACE, image.by_digest, "redis", CLIENTS, VOLUMES, members=len(MEMBERS))))
        yield made


@pytest.fixture
def cache(members: Drill) -> Cache:
    """All are well, whatever was done to one before, and nothing is in it."""
    members.wait_rolled()
    found = Cache(members)
    wait_until("two follow the master", lambda: found.replicas() == 2, seconds=120)
    wait_until("all Sentinels take part", lambda: found.voters() == len(MEMBERS), seconds=60)
    found.forget()
    return found


def test_redis_goes_on_with_another_master_when_its_own_hangs_and_keeps_what_had_settled(cache: Cache) -> None:
    with Writer(cache.write) as writer:
        writer.goes_on(seconds_at_least=2 * SETTLED)
        first = cache.master()
        began = time.monotonic()
        with machine.frozen(cache.drill.pod(first)["metadata"]["uid"]):
            hung = time.monotonic()
            wait_until("another is the master", lambda: cache.master() != first, seconds=60)
            writer.goes_on()
        writer.goes_on()
    cache.close()
    lost = writer.tell(f"Redis' master {first} hung, {cache.master()} is it", cache.numbers)
    assert not lost & writer.settled(began, hung, SETTLED)


def test_redis_goes_on_with_another_master_when_its_own_is_killed_and_there_are_never_two(cache: Cache) -> None:
    with Writer(cache.write) as writer:
        writer.goes_on(seconds_at_least=2 * SETTLED)
        first = cache.master()
        began = time.monotonic()
        cache.drill.kill(first)
        killed = time.monotonic()
        roles = set()

        def follows() -> bool:
            roles.add(cache.role(first))
            return cache.master() != first and cache.replicas() == 2

        wait_until("another is the master, and has two replicas again", follows, seconds=120)
        writer.goes_on()
    cache.close()
    lost = writer.tell(f"Redis' master {first} killed, {cache.master()} is it", cache.numbers)
    assert not lost & writer.settled(began, killed, SETTLED)
    assert roles == {"", "slave"}


def test_redis_comes_back_with_what_had_settled_when_all_of_it_was_gone_at_once(cache: Cache) -> None:
    with Writer(cache.write) as writer:
        writer.goes_on(seconds_at_least=2 * SETTLED)
        began = time.monotonic()
        for pod in MEMBERS:
            cache.drill.kill(pod)
        killed = time.monotonic()
        writer.goes_on()
    cache.close()
    lost = writer.tell(f"All of Redis killed, {cache.master()} is the master", cache.numbers)
    assert not lost & writer.settled(began, killed, SETTLED)
