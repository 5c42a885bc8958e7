"""Ranges of addresses, as people write them in Git: said exactly, so that none opens more than was meant."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator

# Addresses that a network gives out for itself: RFC 1918, RFC 6598 (pods of some clouds), RFC 4193.
PRIVATE = tuple(
    ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
# One network of a stack is a /16. What is wider is a mistake more often than a wish, and can be said in pieces.
LEAST_BITS = {4: 16, 6: 32}


def check_range(value: str) -> str:
    """A range such as 10.40.4.0/24, not too wide, and of addresses that pods could reach at all. Raises ValueError."""
    network = _read(value)
    if not _is_private(network) and (network.is_multicast or not network.is_global):
        raise ValueError(f"{value} has addresses that no other machine answers at")
    return value


def check_private_range(value: str) -> str:
    """The same, and of private addresses only. Raises ValueError."""
    if not _is_private(_read(value)):
        raise ValueError(f"{value} is not private: write the range inside of your network, such as 10.40.4.0/24")
    return value


Range = Annotated[str, AfterValidator(check_range)]
PrivateRange = Annotated[str, AfterValidator(check_private_range)]


def _read(value: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f"{value[:80]!r} is no range: write an address and its bits, such as 10.40.4.0/24") from None
    if value != str(network):
        raise ValueError(f"{value} is not written as its range: write {network}")
    least = LEAST_BITS[network.version]
    if network.prefixlen < least:
        raise ValueError(f"{value} is too wide: write ranges of /{least} or narrower, the ones that you mean")
    return network


def _is_private(network: IPv4Network | IPv6Network) -> bool:
    return any(network.version == other.version and network.subnet_of(other) for other in PRIVATE)  # type: ignore[arg-type]
