"""What `make up` installs of Herold: manifests as values."""

from __future__ import annotations

import base64
import datetime as dt

from cryptography import x509
from local.cluster.herold import (
    RELAY_HOST,
    build_access,
    build_migration,
    build_namespaces,
    build_operator,
    build_reader,
    build_shared,
)
from local.cluster.layout import PLATFORM_NAMESPACE
from local.cluster.pki import issue
from local.cluster.secret import build_secret

from herold.resources import ContactSchema, SenderProfile
from herold_operator.settings import read_operator_settings
from herold_reader.protocol import PORT_NAME, RIGHTS, SERVICE, Ask, proxy_path
from herold_reader.settings import read_reader_settings

IMAGE = "localhost/herold:0123456789ab"


def test_the_examples_senders_reach_the_clusters_relay_over_verified_tls() -> None:
    kinds = {ContactSchema.__name__: ContactSchema, SenderProfile.__name__: SenderProfile}
    senders = [
        resource
        for resource in (kinds[item["kind"]].model_validate(item) for item in build_shared())
        if isinstance(resource, SenderProfile)
    ]
    assert senders
    for sender in senders:
        route = sender.spec.route
        assert (route.host, route.tls) == (RELAY_HOST, "StartTls")
        assert route.ca_ref is not None


def test_the_relays_certificate_has_the_name_by_which_senders_reach_it() -> None:
    pair = issue(dt.datetime(2026, 11, 24, tzinfo=dt.UTC))["relay"]
    names = x509.load_pem_x509_certificate(pair.certificate).extensions
    assert names.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == [
        RELAY_HOST
    ]


def test_operator_and_workers_run_the_image_of_this_checkout() -> None:
    (deployment,) = [item for item in build_operator(IMAGE) if item["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    given = {each["name"]: each.get("value", "x") for each in container["env"]}
    _, own = read_operator_settings(given)
    assert own.worker_image == IMAGE


def test_the_read_service_runs_it_too_with_settings_that_it_knows() -> None:
    items = build_reader(IMAGE)
    (deployment,) = [item for item in items if item["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    given = {each["name"]: each.get("value", "x") for each in container["env"]}
    _, own = read_reader_settings(given)
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"reader": own.port, "health": own.health_port}
    (service,) = [item for item in items if item["kind"] == "Service"]
    assert (service["metadata"]["name"], service["spec"]["ports"][0]["name"]) == (SERVICE, PORT_NAME)
    (way,) = [item for item in items if item["kind"] == "Role"]
    assert f"/services/{way['rules'][0]['resourceNames'][0]}/proxy/" in proxy_path(Ask.PLAN, "a", "b")


def test_the_teams_namespace_has_an_account_for_each_role_of_readers_and_none_makes_tokens() -> None:
    items = build_access()
    accounts = {item["metadata"]["name"] for item in items if item["kind"] == "ServiceAccount"}
    assert accounts == {right.account for right in RIGHTS.values()}
    for binding in (item for item in items if item["kind"] == "RoleBinding"):
        assert binding["roleRef"]["name"] == binding["subjects"][0]["name"]


def test_each_image_has_a_migration_of_its_own() -> None:
    first, second = build_migration(IMAGE), build_migration("localhost/herold:ffffffffffff")
    assert first["metadata"]["name"] == "herold-migrate-0123456789ab"
    assert first["metadata"]["name"] != second["metadata"]["name"]
    assert first["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE


def test_the_platforms_own_namespace_is_declared_in_one_place() -> None:
    names = {item["metadata"]["name"] for item in build_namespaces()}
    assert names == {"herold-senders", "campaigns-shared", "campaigns-shop"}
    assert PLATFORM_NAMESPACE not in names


def test_a_secret_holds_what_was_given() -> None:
    secret = build_secret("herold-senders", "herold-key", {"key": "k" * 32})
    assert base64.b64decode(secret["data"]["key"]) == b"k" * 32
    assert secret["metadata"] == {"name": "herold-key", "namespace": "herold-senders"}
