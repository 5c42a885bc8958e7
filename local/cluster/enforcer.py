"""`python -m local.cluster.enforcer`: NetworkPolicies hold on our own node, though its bridge plugin knows none.

It follows policies, pods and namespaces, and gives the kernel the rules that come of them. Its limits: a pod is open
for the moment between its start and the API server's word of its address; a connection that is open stays so when a
policy changes; while the API server is away, or this program, the last rules stand.
"""

from __future__ import annotations

import argparse
import http.client
import json
import ssl
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.cluster.layout import NODE_ADDRESS
from local.cluster.policies import Rules, build_rules, build_script
from local.command import CommandFailed, run

PATHS = ("/apis/networking.k8s.io/v1/networkpolicies", "/api/v1/pods", "/api/v1/namespaces")
WATCH_SECONDS = 240
# The API server ends a watch by itself after WATCH_SECONDS; longer silence is a connection that died.
SILENCE = WATCH_SECONDS + 60.0
AGAIN = 0.5

Item = dict[str, Any]


@dataclass
class World:
    """All objects by path and uid, as they were told last."""

    objects: dict[str, dict[str, Item]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    changed: threading.Event = field(default_factory=threading.Event)

    def tell(self, path: str, items: dict[str, Item]) -> None:
        """All of one kind."""
        with self.lock:
            self.objects[path] = items
        self.changed.set()

    def hear(self, path: str, event: Item) -> None:
        """One that was added, changed or deleted."""
        item = event["object"]
        with self.lock:
            if event["type"] == "DELETED":
                self.objects[path].pop(item["metadata"]["uid"], None)
            else:
                self.objects[path][item["metadata"]["uid"]] = item
        self.changed.set()

    def rules(self) -> Rules | None:
        """What comes of it; None while one kind is unknown."""
        with self.lock:
            if any(path not in self.objects for path in PATHS):
                return None
            policies, pods, namespaces = (list(self.objects[path].values()) for path in PATHS)
        return build_rules(policies, pods, namespaces)


def follow(path: str, world: World, trust: ssl.SSLContext) -> None:
    """List, then watch, for ever."""
    while True:
        try:
            listed = json.loads(b"".join(_ask(path, trust)))
            world.tell(path, {item["metadata"]["uid"]: item for item in listed["items"]})
            since = listed["metadata"]["resourceVersion"]
            query = f"watch=1&resourceVersion={since}&timeoutSeconds={WATCH_SECONDS}"
            for line in _ask(f"{path}?{query}", trust):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    break
                world.hear(path, event)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            print(f"{path}: {type(error).__name__}: {error}; looking again", file=sys.stderr, flush=True)
            threading.Event().wait(AGAIN)


def _ask(path: str, trust: ssl.SSLContext) -> Iterator[bytes]:
    connection = http.client.HTTPSConnection(NODE_ADDRESS, 6443, timeout=SILENCE, context=trust)
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise OSError(f"the API server said {answer.status}")
        yield from answer
    finally:
        connection.close()


def main() -> int:
    """Until it is told to stop."""
    parser = argparse.ArgumentParser(prog="local.cluster.enforcer", description="Makes NetworkPolicies hold.")
    parser.add_argument("pki", type=Path, help="folder of certificates")
    pki = parser.parse_args().pki
    trust = ssl.create_default_context(cafile=pki / "ca.crt")
    trust.load_cert_chain(pki / "enforcer.crt", pki / "enforcer.key")
    world = World()
    for path in PATHS:
        threading.Thread(target=follow, args=(path, world, trust), daemon=True).start()
    before: Rules | None = None
    while True:
        world.changed.wait()
        world.changed.clear()
        rules = world.rules()
        if rules is None or rules == before:
            continue
        for words in rules.not_understood:
            print(f"not understood, lets nothing through: {words}", file=sys.stderr, flush=True)
        try:
            run(["nft", "-f", "-"], seconds=10, given=build_script(rules))
        except CommandFailed as error:
            print(f"nft: {error}", file=sys.stderr, flush=True)
            continue
        before = rules
        print(f"{len(rules.shut_in)} pods shut in, {len(rules.shut_out)} out", flush=True)


if __name__ == "__main__":
    sys.exit(main())
