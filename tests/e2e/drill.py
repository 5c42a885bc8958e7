"""Data services of their own for drills: the same components as the platform's, in a namespace that goes afterwards.

Clients run on the node, beside the pods: a drill is about what was acknowledged, and says so to nobody in between.
"""

from __future__ import annotations

import itertools
import secrets
import select
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from local.cluster.images import bring_in
from local.cluster.kubectl import Kubectl
from local.cluster.layout import CHECKOUT, NODE, here
from local.cluster.ours import to_list
from local.cluster.progress import wait_until
from local.cluster.secret import build_secret
from local.cluster.volumes import make_volume
from local.images.archive import Image
from psycopg.pq import ExecStatus

from e2e.machine import lose
from e2e.people import Item
from herold_infra.kubernetes.component import Place
from herold_infra.kubernetes.pods import Client, Volumes

NAMESPACE = "herold-drill"
PLACE = Place("test", NAMESPACE)
CLIENTS = (Client("herold-platform", {"herold.dev/uses": "ledger"}),)
VOLUMES = Volumes(folder=str(here().volumes / "drill"), node=NODE)
PATIENCE = 300.0
# What a client waits for an answer.
DEADLINE = 5.0


@dataclass
class Drill:
    """A service in the drill's namespace."""

    kubectl: Kubectl
    service: str

    def apply(self, items: list[Item]) -> None:
        """As Pulumi applies it: by server-side apply. Folders of the node for volumes first."""
        for item in items:
            if item["kind"] == "PersistentVolume":
                make_volume(Path(item["spec"]["local"]["path"]))
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=to_list(items))

    def wait_rolled(self) -> None:
        """Until every member is of the newest template and ready."""
        words = ("rollout", "status", f"statefulset/{self.service}", "-n", NAMESPACE, f"--timeout={PATIENCE:.0f}s")
        self.kubectl(*words, seconds=PATIENCE + 10)

    def address(self, name: str = "") -> str:
        """The address of a Service of its."""
        found = self.kubectl.get("service", name or self.service, "-n", NAMESPACE)
        assert found is not None
        return str(found["spec"]["clusterIP"])

    def pod(self, name: str) -> Item:
        """A pod."""
        found = self.kubectl.get("pod", name, "-n", NAMESPACE)
        assert found is not None
        return dict(found)

    def kill(self, name: str) -> None:
        """A member is lost."""
        lose(self.kubectl, NAMESPACE, name)

    def execute(self, pod: str, *words: str, container: str = "", given: str | None = None, seconds: float = 60) -> str:
        """A command in a member."""
        where = ("-c", container) if container else ()
        return self.kubectl("exec", "-i", "-n", NAMESPACE, pod, *where, "--", *words, given=given, seconds=seconds)


@contextmanager
def drill(kubectl: Kubectl, service: str, image: Image, passwords: Mapping[str, str]) -> Iterator[Drill]:
    """The namespace with the service's Secret and image, gone afterwards with all data."""
    bring_in(here(), image, also_named=(image.by_digest, f"{image.name}:drill"))
    labels = {f"pod-security.kubernetes.io/{how}": "restricted" for how in ("enforce", "warn")}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
    made = Drill(kubectl, service)
    _remove(kubectl)
    try:
        made.apply([namespace])
        made.apply([build_secret(NAMESPACE, service, {name: secrets.token_hex(16) for name in passwords.values()})])
        yield made
    finally:
        _remove(kubectl)


def _remove(kubectl: Kubectl) -> None:
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=180s", seconds=190)
    listed = kubectl.get("persistentvolumes")
    for volume in listed["items"] if listed else ():
        if volume["spec"].get("claimRef", {}).get("namespace") == NAMESPACE:
            kubectl("delete", "persistentvolume", volume["metadata"]["name"], "--timeout=60s", seconds=70)
    shutil.rmtree(VOLUMES.folder or "", ignore_errors=True)


@dataclass
class Writer:
    """Numbered writes, one after the other, until it is told to stop. `write` returns when one was acknowledged.

    An error says nothing of whether it was written: its number is not used again.
    """

    write: Callable[[int], None]
    acknowledged: list[tuple[int, float]] = field(default_factory=list)
    unclear: list[int] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            try:
                self.write(number)
            except Exception:  # whatever the client of the service raises
                self.unclear.append(number)
                self._stop.wait(0.05)
            else:
                self.acknowledged.append((number, time.monotonic()))

    def __enter__(self) -> Writer:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join(60)
        assert not self._thread.is_alive(), "the writer hangs"

    def goes_on(self, by: int = 200, seconds: float = 180, *, seconds_at_least: float = 0) -> None:
        """Until more were acknowledged than now, and so much time has passed."""
        least, until = len(self.acknowledged) + by, time.monotonic() + seconds_at_least
        wait_until(
            f"{by} more writes",
            lambda: len(self.acknowledged) >= least and time.monotonic() >= until,
            seconds=seconds,
        )

    def settled(self, began: float, ended: float, seconds: float) -> set[int]:
        """What was acknowledged so many seconds before the harm began, or after it was done. There is some of both.

        Moments are of the monotonic clock.
        """
        before = {number for number, at in self.acknowledged if at < began - seconds}
        after = {number for number, at in self.acknowledged if at > ended}
        assert before
        assert after
        return before | after

    @property
    def numbers(self) -> set[int]:
        """What was acknowledged."""
        return {number for number, _ in self.acknowledged}

    def silence(self) -> float:
        """The longest time between two acknowledged writes, in seconds."""
        moments = [at for _, at in self.acknowledged]
        return max(after - before for before, after in itertools.pairwise(moments))

    def tell(self, what: str, read: Callable[[], set[int]]) -> set[int]:
        """What of the acknowledged is not there, and the figures for people. It may go on writing meanwhile."""
        count, numbers, silence = len(self.acknowledged), self.numbers, self.silence()
        lost = numbers - read()
        print(
            f"\n{what}: {count} acknowledged, lost {len(lost)}, {len(self.unclear)} unclear, "
            f"{silence:.1f} s without writes",
            flush=True,
        )
        return lost


def image_of(build: Callable[[Path, Path], Image]) -> Image:
    """An image of this checkout."""
    return build(CHECKOUT, here().images)


class Rows:
    """Rows in a PostgreSQL of the drill, through its Service. A connection that fails is made anew."""

    def __init__(self, address: str, password: str, database: str = "postgres") -> None:
        # No statement_timeout: a commit that waits for its standby and is cancelled counts as committed.
        self.where = f"host={address} user=postgres password={password} dbname={database} connect_timeout=3"
        self.where += " keepalives_idle=2 keepalives_interval=1 keepalives_count=3 tcp_user_timeout=5000"
        self._connection: psycopg.Connection[Any] | None = None

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """One statement on a connection of its own; its rows, if it has any."""
        with psycopg.connect(self.where, autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def write(self, number: int) -> None:
        """One row, committed, within a time: a server that hangs says nothing, and its kernel keeps the connection."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self.where, autocommit=True)
            server = self._connection.pgconn
            server.send_query(f"INSERT INTO numbers VALUES ({number})".encode())
            server.flush()
            while server.is_busy():
                if not select.select([server.socket], [], [], DEADLINE)[0]:
                    raise TimeoutError(f"no answer within {DEADLINE} s")
                server.consume_input()
            while (result := server.get_result()) is not None:
                if result.status != ExecStatus.COMMAND_OK:
                    raise psycopg.OperationalError(result.error_message.decode())
        except (psycopg.Error, TimeoutError):
            self.close()
            raise

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
