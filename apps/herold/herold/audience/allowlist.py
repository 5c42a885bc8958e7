"""Whom a sender may reach until bounces and unsubscribes come back: reserved domains, and what its profile names.

The same rule twice, because it is checked twice: in SQL when an audience is chosen, in Python right before the wire.
"""

from __future__ import annotations

from herold.audience.parameters import Parameters
from herold.resources.sender import Allow

# RFC 2606 2 and RFC 6761 6.2 to 6.5: nobody lives there.
RESERVED_TOP = ("example", "test", "invalid", "localhost")
# RFC 2606 3.
RESERVED_SECOND = ("example.com", "example.net", "example.org")


def is_reserved(domain: str) -> bool:
    """The (normalised) domain, or one above it, is reserved for documentation and tests."""
    labels = domain.split(".")
    return labels[-1] in RESERVED_TOP or ".".join(labels[-2:]) in RESERVED_SECOND


def is_allowed(address: str, domain: str, allow: Allow) -> bool:
    """Whether a normalised address, with its domain, may be reached."""
    return is_reserved(domain) or domain in allow.domains or any(address == each.lower() for each in allow.addresses)


def allowed_sql(address: str, domain: str, allow: Allow, parameters: Parameters) -> str:
    """`is_allowed` as a condition over two columns."""
    last = f"split_part({domain}, '.', -1)"
    conditions = [
        f"{last} = ANY ({parameters.add(list(RESERVED_TOP), 'text[]')})",
        f"split_part({domain}, '.', -2) || '.' || {last} = ANY ({parameters.add(list(RESERVED_SECOND), 'text[]')})",
    ]
    if allow.domains:
        conditions.append(f"{domain} = ANY ({parameters.add(list(allow.domains), 'text[]')})")
    if allow.addresses:
        addresses = [each.lower() for each in allow.addresses]
        conditions.append(f"{address} = ANY ({parameters.add(addresses, 'text[]')})")
    return "(" + " OR ".join(conditions) + ")"
