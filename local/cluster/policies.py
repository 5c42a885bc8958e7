"""NetworkPolicies as packet rules, for the subset that Herold's own use: values, nothing is touched here.

https://kubernetes.io/docs/concepts/services-networking/network-policies. Ports by name, ranges of ports and `except`
are not understood: a rule that has one lets nothing through, and is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

TABLE = "herold-policies"
ANYWHERE = "0.0.0.0/0"
Item = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Opening:
    """Connections that may be opened: addresses or ranges, `tcp` or `udp`, and a port; None: any port."""

    source: str
    destination: str
    protocol: str
    port: int | None


@dataclass(frozen=True)
class Rules:
    """Addresses of pods that policies shut, and what is let through all the same."""

    shut_in: frozenset[str]
    shut_out: frozenset[str]
    into: frozenset[Opening]
    out: frozenset[Opening]
    not_understood: tuple[str, ...] = ()


class _NotUnderstood(Exception):
    pass


@dataclass(frozen=True)
class _Pod:
    namespace: str
    labels: Mapping[str, str]
    address: str


def build_rules(policies: Iterable[Item], pods: Iterable[Item], namespaces: Iterable[Item]) -> Rules:
    """From resources as the API server has them. A pod that is over has no address any more."""
    labels = {item["metadata"]["name"]: item["metadata"].get("labels", {}) for item in namespaces}
    living = [_read(item) for item in pods if _has_address(item)]
    shut: dict[str, set[str]] = {"Ingress": set(), "Egress": set()}
    open_: dict[str, set[Opening]] = {"Ingress": set(), "Egress": set()}
    odd = []
    for policy in policies:
        spec, namespace = policy["spec"], policy["metadata"]["namespace"]
        chosen = [
            pod for pod in living if pod.namespace == namespace and matches(spec.get("podSelector", {}), pod.labels)
        ]
        for way in spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]:
            shut[way].update(pod.address for pod in chosen)
            for rule in spec.get(way.lower()) or ():
                try:
                    others = _addresses(rule.get("from" if way == "Ingress" else "to"), namespace, living, labels)
                    ports = _ports(rule.get("ports"))
                except _NotUnderstood as error:
                    odd.append(f"{namespace}/{policy['metadata']['name']}: {error}")
                    continue
                for pod in chosen:
                    for other in others:
                        ends = (other, pod.address) if way == "Ingress" else (pod.address, other)
                        open_[way].update(Opening(*ends, protocol, port) for protocol, port in ports)
    return Rules(
        frozenset(shut["Ingress"]),
        frozenset(shut["Egress"]),
        frozenset(open_["Ingress"]),
        frozenset(open_["Egress"]),
        tuple(sorted(odd)),
    )


def matches(selector: Item, labels: Mapping[str, str]) -> bool:
    """Whether a label selector chooses what has these labels; an empty one chooses all."""
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    for each in selector.get("matchExpressions") or ():
        value = labels.get(each["key"])
        held = {
            "In": value in (each.get("values") or ()),
            "NotIn": value not in (each.get("values") or ()),
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not held[each["operator"]]:
            return False
    return True


def _addresses(
    peers: Iterable[Item] | None, namespace: str, pods: Iterable[_Pod], labels: Mapping[str, Mapping[str, str]]
) -> set[str]:
    if not peers:
        return {ANYWHERE}
    found = set()
    for peer in peers:
        if "ipBlock" in peer:
            if peer["ipBlock"].get("except"):
                raise _NotUnderstood("except")
            found.add(peer["ipBlock"]["cidr"])
            continue
        for pod in pods:
            near = (
                matches(peer["namespaceSelector"], labels.get(pod.namespace, {}))
                if "namespaceSelector" in peer
                else pod.namespace == namespace
            )
            if near and matches(peer.get("podSelector", {}), pod.labels):
                found.add(pod.address)
    return found


def _ports(ports: Iterable[Item] | None) -> list[tuple[str, int | None]]:
    if not ports:
        return [("tcp", None), ("udp", None)]
    found = []
    for each in ports:
        port = each.get("port")
        if isinstance(port, str) or "endPort" in each:
            raise _NotUnderstood(f"port {port}")
        found.append((each.get("protocol", "TCP").lower(), port))
    return found


def _has_address(pod: Item) -> bool:
    status = pod.get("status", {})
    outside = pod["spec"].get("hostNetwork", False)
    return bool(status.get("podIP")) and status.get("phase") not in {"Succeeded", "Failed"} and not outside


def _read(pod: Item) -> _Pod:
    metadata = pod["metadata"]
    return _Pod(metadata["namespace"], metadata.get("labels", {}), pod["status"]["podIP"])


def build_script(rules: Rules) -> str:
    """For `nft -f -`: the table anew, at once. What is open stays open; what a policy shuts opens no connection."""
    lines = [f"table inet {TABLE}", f"delete table inet {TABLE}", f"table inet {TABLE} {{"]
    lines += _set("shut_in", "ipv4_addr", sorted(rules.shut_in))
    lines += _set("shut_out", "ipv4_addr", sorted(rules.shut_out))
    for name, openings in (("into", rules.into), ("out", rules.out)):
        exact = sorted(each for each in openings if _is_exact(each))
        words = [f"{each.source} . {each.destination} . {each.protocol} . {each.port}" for each in exact]
        lines += _set(name, "ipv4_addr . ipv4_addr . inet_proto . inet_service", words)
    for chain, name, openings in (("may_enter", "into", rules.into), ("may_leave", "out", rules.out)):
        lines += [f"  chain {chain} {{", f"    ip saddr . ip daddr . meta l4proto . th dport @{name} return"]
        lines += [f"    {_rule(each)} return" for each in sorted(set(openings), key=_order) if not _is_exact(each)]
        lines += ["    drop", "  }"]
    # Between pods and from the node's other side; then from pods to the node itself, where the API server is.
    for hook in ("forward", "input"):
        lines += [f"  chain {hook} {{", f"    type filter hook {hook} priority filter; policy accept;"]
        lines += ["    ct state established,related accept", "    ip saddr @shut_out jump may_leave"]
        lines += ["    ip daddr @shut_in jump may_enter"] if hook == "forward" else []
        lines += ["  }"]
    return "\n".join([*lines, "}", ""])


def _set(name: str, kind: str, elements: list[str]) -> list[str]:
    listed = [f"    elements = {{ {', '.join(elements)} }}"] if elements else []
    return [f"  set {name} {{", f"    type {kind}", *listed, "  }"]


def _is_exact(opening: Opening) -> bool:
    return opening.port is not None and "/" not in opening.source and "/" not in opening.destination


def _rule(opening: Opening) -> str:
    port = f"{opening.protocol} dport {opening.port}" if opening.port else f"meta l4proto {opening.protocol}"
    return f"ip saddr {opening.source} ip daddr {opening.destination} {port}"


def _order(opening: Opening) -> tuple[str, str, str, int]:
    return opening.source, opening.destination, opening.protocol, opening.port or 0
