"""Reserved domains and the profile's own list, the same in SQL and in Python."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from herold.audience.allowlist import allowed_sql, is_allowed, is_reserved
from herold.audience.parameters import Parameters
from herold.ledger.database import Connection, one
from herold.resources.sender import Allow

LABELS = st.sampled_from(("example", "test", "invalid", "localhost", "com", "net", "org", "internal", "xexample", "a"))
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)


@pytest.mark.parametrize("domain", ["example", "shop.example", "a.test", "localhost", "example.com", "m.example.org"])
def test_reserved_domains_are_always_allowed(domain: str) -> None:
    assert is_reserved(domain)
    assert is_allowed(f"a@{domain}", domain, Allow())


@pytest.mark.parametrize(
    "domain", ["corp.internal", "example.com.internal", "test.internal", "myexample", "example.de"]
)
def test_other_domains_are_not(domain: str) -> None:
    assert not is_allowed(f"a@{domain}", domain, Allow())


def test_an_allowed_domain_does_not_allow_those_below_it() -> None:
    allow = Allow(domains=["corp.internal"])
    assert is_allowed("a@corp.internal", "corp.internal", allow)
    assert not is_allowed("a@mail.corp.internal", "mail.corp.internal", allow)


def test_an_allowed_address_allows_no_other_and_is_read_in_any_case() -> None:
    allow = Allow(addresses=["Ann@Corp.internal"])
    assert is_allowed("ann@corp.internal", "corp.internal", allow)
    assert not is_allowed("joann@corp.internal", "corp.internal", allow)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    local=st.sampled_from("ab"),
    domain=NAMES,
    allow=st.builds(
        Allow,
        domains=st.lists(NAMES, max_size=3),
        addresses=st.lists(st.builds("{}@{}".format, st.sampled_from("aB"), NAMES), max_size=3),
    ),
)
def test_sql_and_python_agree(any_connection: Connection, local: str, domain: str, allow: Allow) -> None:
    parameters = Parameters()
    test = allowed_sql("e.address", "e.domain", allow, parameters)
    address = f"{local}@{domain}"
    query = f"SELECT {test} FROM (SELECT %(address)s::text AS address, %(domain)s::text AS domain) AS e"
    found = one(any_connection, query, {**parameters.values, "address": address, "domain": domain})[0]
    assert found is is_allowed(address, domain, allow)
