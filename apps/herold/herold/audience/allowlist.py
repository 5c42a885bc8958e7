"""Whom a profile may reach until bounces and unsubscribes come back: reserved domains, and what it names."""

from __future__ import annotations

from herold.resources.sender import Allow

# RFC 2606 and RFC 6761: nobody receives mail there.
RESERVED = ("example", "test", "invalid", "localhost", "example.com", "example.net", "example.org")


def is_reserved(domain: str) -> bool:
    """True for reserved domains and what lies below them."""
    return any(domain == reserved or domain.endswith(f".{reserved}") for reserved in RESERVED)


def is_allowed(address: str, domain: str, allow: Allow) -> bool:
    """True when mail may go to a normalised address."""
    return is_reserved(domain) or domain in allow.domains or any(address == named.lower() for named in allow.addresses)
