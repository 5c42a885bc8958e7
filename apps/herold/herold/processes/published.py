"""Whether receivers find the public half of each key that signs. DNS is asked as this machine asks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from herold.audience.allowlist import is_reserved
from herold.message.dkim import DkimKey
from herold.message.dkim_record import record_fault
from herold.processes.finding import Finding

if TYPE_CHECKING:
    from dns.resolver import Resolver

SECONDS = 5.0  # for each name, all servers and tries together


@dataclass(frozen=True, slots=True)
class Publication:
    """What DNS says of the keys. `unknown`: what it does not say, in words without full stops: that proves nothing."""

    findings: tuple[Finding, ...] = ()
    unknown: tuple[str, ...] = ()


def look_up(keys: Sequence[DkimKey], resolver: Resolver | None = None) -> Publication:
    """Each key once, SECONDS at most, or `resolver.lifetime`. Without a resolver /etc/resolv.conf says whom to ask.

    Domains that are reserved (RFC 2606, RFC 6761) are in nobody's DNS, and nobody is asked for them.
    """
    findings: list[Finding] = []
    unknown: list[str] = []
    for key in keys:
        if is_reserved(key.domain):
            continue
        name = f"{key.selector}._domainkey.{key.domain}"
        texts = _texts(name, resolver)
        if isinstance(texts, str):
            unknown.append(f"{name}: {texts}")
        elif (fault := record_fault(texts, key.key.public_key())) is not None:
            findings.append(Finding(fault.what, f"{name}: {fault.says}", fault.fix))
    return Publication(tuple(findings), tuple(unknown))


def _texts(name: str, resolver: Resolver | None) -> list[bytes] | str:
    """The TXT records there, each in one piece; or why nobody knows."""
    # 0.2 s, for senders that sign in a domain of the real world.
    import dns.exception
    import dns.name
    import dns.resolver

    try:
        if resolver is None:
            resolver = dns.resolver.Resolver()
            resolver.lifetime = SECONDS
        # Absolute: what a pod's resolv.conf searches (ndots) is the cluster's business.
        answer = resolver.resolve(dns.name.from_text(name), "TXT", search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.Timeout:
        return "no name server answered in time"
    except dns.resolver.NoNameservers:
        return "the name servers could not answer"
    except dns.resolver.NoResolverConfiguration:
        return "this machine names no name server"
    except dns.exception.DNSException as error:
        return f"it could not be asked for ({type(error).__name__})"
    return [b"".join(each.strings) for each in answer]
