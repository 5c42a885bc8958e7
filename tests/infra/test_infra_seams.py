"""Where Pulumi's work ends and Git's, Ansible's and the ledger's begins: both sides say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from local.cluster.layout import CHECKOUT
from local.cluster.logins import build_logins
from local.engine.recording import Recorded, read_stack, record
from psycopg.conninfo import conninfo_to_dict

from herold.ledger.logins import check_login
from herold.resources.catalogue import load
from herold.resources.sender import SenderProfile
from herold_delivery.declared import Cluster, Relay, read_clusters
from herold_infra.aws.logins import plan_logins
from herold_infra.aws.outside import build_outside
from herold_infra.aws.settings import StackSettings
from herold_infra.aws.vault import path_of
from herold_policies.graph import Graph, Node

SECRETS = CHECKOUT / "gitops" / "infrastructure" / "secrets"
SECRET = "secretsmanager/secret:Secret"
VERSION = "secretsmanager/secretVersion:SecretVersion"
GROUP = "rds/subnetGroup:SubnetGroup"
SUBNET = "ec2/subnet:Subnet"
DOOR = "ec2/vpcEndpoint:VpcEndpoint"
SECRET_KEYS = {"password", "url", "key"}
PAGE = CHECKOUT / "docs" / "reference" / "infrastructure.md"
HOW_TO = CHECKOUT / "docs" / "how-to" / "secrets-of-a-cloud.md"
ACTIVE, STANDBY = "eu-central-1", "eu-west-1"


@pytest.fixture(scope="module")
def made() -> Recorded:
    """Production as it would be after `up`: what AWS gives is made up by the stand-in."""
    return record("aws-prod", StackSettings.model_validate(read_stack("aws-prod")), preview=False)


def named_in_git() -> dict[str, dict[str, Any]]:
    """Each ExternalSecret by the name of what it reads in Secrets Manager."""
    items = [
        item
        for path in sorted(SECRETS.glob("*.yaml"))
        for item in yaml.safe_load_all(path.read_text())
        if "kind" in item
    ]
    prefixes = {
        item["metadata"]["namespace"]: item["spec"]["provider"]["aws"]["prefix"]
        for item in items
        if item["kind"] == "SecretStore"
    }
    return {
        prefixes[item["metadata"]["namespace"]] + source["extract"]["key"]: item
        for item in items
        if item["kind"] == "ExternalSecret"
        for source in item["spec"]["dataFrom"]
    }


def of_pods(graph: Graph) -> dict[str, Node]:
    return {node.get("name"): node for node in graph.of(SECRET) if str(node.get("name")).startswith("herold/")}


def content_of(graph: Graph, path: str) -> dict[str, str]:
    (secret,) = [node for node in graph.of(SECRET) if node.get("name") == path]
    (version,) = graph.pointing(VERSION, "secretId", secret)
    content = json.loads(version.get("secretString"))
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_every_secret_that_git_names_in_a_cloud_is_made_by_the_stack_and_no_other(
    stack: str, request: pytest.FixtureRequest
) -> None:
    recorded: Recorded = request.getfixturevalue(stack)
    assert set(named_in_git()) == set(of_pods(recorded.graph))


def test_the_name_says_of_which_namespace_and_secret_it_is() -> None:
    for path, item in named_in_git().items():
        metadata = item["metadata"]
        assert path == path_of(metadata["namespace"], metadata["name"])
        assert item["spec"]["target"]["name"] == metadata["name"]


def test_git_reads_in_the_region_where_campaigns_run(prod: Recorded, staging: Recorded) -> None:
    stores = [item for item in yaml.safe_load_all((SECRETS / "stores.yaml").read_text()) if item]
    read = {store["spec"]["provider"]["aws"]["region"] for store in stores}
    for stack in (prod, staging):
        made = {node.get("region") for node in of_pods(stack.graph).values()}
        assert read == made, f"{SECRETS.relative_to(CHECKOUT)}/stores.yaml reads in {read}, secrets are in {made}"


def ranges_behind(graph: Graph, kind: str, name: str, prop: str) -> list[str]:
    """The ranges of the subnets that a resource stands in."""
    (node,) = [node for node in graph.of(kind) if node.name == name]
    return [subnet.get("cidrBlock") for subnet in graph.behind(node, prop) if subnet.kind == f"aws:{SUBNET}"]


def in_git(environment: str) -> Cluster:
    (cluster,) = [
        cluster for cluster in read_clusters(CHECKOUT / "gitops/clusters") if cluster.environment == environment
    ]
    return cluster


@pytest.mark.parametrize("environment", ["prod", "staging"])
def test_what_is_no_pod_stands_in_git_where_the_stack_puts_it(environment: str) -> None:
    stack = f"aws-{environment}"
    settings = StackSettings.model_validate(read_stack(stack))
    (made,) = [build_outside(region) for region in settings.regions if region.role == "active"]
    where, outside = f"gitops/clusters/{environment}/cluster.yaml", in_git(environment).outside
    told = f"pulumi/stacks/Pulumi.{stack}.yaml and {where} differ; by the stack {where} says:\n" + yaml.safe_dump(
        {"outside": made}, sort_keys=False, width=120
    )
    assert outside.ledger, told
    assert outside.scrapers, told
    assert outside.ledger.model_dump(mode="json") == made["ledger"], told
    assert outside.scrapers.model_dump(mode="json") == made["scrapers"], told
    # A provider of people's choice may stand beside the stack's own.
    assert {Relay.model_validate(relay) for relay in made["relays"]} <= set(outside.relays), told


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_what_a_stack_tells_of_its_ranges_is_where_it_puts_things(stack: str, request: pytest.FixtureRequest) -> None:
    graph = request.getfixturevalue(stack).graph
    settings = StackSettings.model_validate(read_stack(f"aws-{stack}"))
    for region in settings.regions:
        told = build_outside(region)
        name = region.name
        kind, prop = ("rds/proxy:Proxy", "vpcSubnetIds") if region.role == "active" else (GROUP, "subnetIds")
        assert sorted(ranges_behind(graph, kind, f"{name}-ledger", prop)) == sorted(told["ledger"]["ranges"])
        scrapers = ranges_behind(graph, "amp/scraper:Scraper", f"{name}-metrics", "source")
        assert sorted(scrapers) == sorted(told["scrapers"]["ranges"])
        doors = [node for node in graph.of(DOOR) if node.get("serviceName") == f"com.amazonaws.{name}.email-smtp"]
        assert len(doors) == len(told["relays"]) == (1 if region.role == "active" else 0)
        for door, relay in zip(doors, told["relays"], strict=True):
            assert door.get("privateDnsEnabled") is True, "its name would lead to the internet"
            assert sorted(ranges_behind(graph, DOOR, door.name, "subnetIds")) == sorted(relay["ranges"])
            (group,) = graph.behind(door, "securityGroupIds")
            rules = graph.pointing("vpc/securityGroupIngressRule:SecurityGroupIngressRule", "securityGroupId", group)
            assert [rule.get("fromPort") for rule in rules] == relay["ports"]


@pytest.mark.parametrize("environment", ["prod", "staging"])
def test_the_senders_of_a_cloud_send_as_whom_the_stack_has_proven_by_its_relay(
    environment: str, request: pytest.FixtureRequest
) -> None:
    graph = request.getfixturevalue(environment).graph
    (identity,) = graph.of("sesv2/emailIdentity:EmailIdentity")
    (from_,) = graph.of("sesv2/emailIdentityMailFromAttributes:EmailIdentityMailFromAttributes")
    domain = identity.get("emailIdentity")
    shared = load([CHECKOUT / "gitops/campaigns" / environment / "shared"], shared_namespace="campaigns-shared")
    senders = [each.spec for each in shared.resources.values() if isinstance(each, SenderProfile)]
    assert senders
    relays = {(relay.host, port) for relay in in_git(environment).outside.relays for port in relay.ports}
    for sender in senders:
        assert sender.from_.address.endswith(f"@{domain}")
        assert {key.domain for key in sender.dkim} == {domain}
        assert sender.return_path_domain == from_.get("mailFromDomain")
        assert (sender.route.host, sender.route.port) in relays
        assert sender.route.message_id == "Replaced", "SES writes its own Message-ID"
        assert sender.route.credentials_ref
        read = [sender.route.credentials_ref, *(key.key_ref for key in sender.dkim)]
        assert {f"herold/senders/{each.name}" for each in read} <= set(named_in_git())


def test_another_network_in_the_settings_is_another_fact() -> None:
    raw = read_stack("aws-staging")
    raw["regions"][0]["network"]["cidr"] = "10.51.0.0/16"
    (region,) = StackSettings.model_validate(raw).regions
    assert build_outside(region)["ledger"]["ranges"][0] == "10.51.4.0/24"


def rights_of(graph: Graph, name: str) -> list[dict[str, Any]]:
    (policy,) = [node for node in graph.of("iam/rolePolicy:RolePolicy") if node.name == name]
    statements = json.loads(policy.get("policy"))["Statement"]
    assert isinstance(statements, list)
    return statements


@pytest.mark.parametrize("region", [ACTIVE, STANDBY])
def test_external_secrets_may_read_exactly_what_git_names(prod: Recorded, region: str) -> None:
    read, decrypt = rights_of(prod.graph, f"{region}-external-secrets")
    arn = f"arn:aws:secretsmanager:{region}:123456789012:secret:"
    assert read["Action"] == ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    assert sorted(read["Resource"]) == sorted(f"{arn}{path}-??????" for path in named_in_git())
    assert decrypt["Condition"]["StringEquals"] == {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}
    (bound,) = [
        node
        for node in prod.graph.of("eks/podIdentityAssociation:PodIdentityAssociation")
        if node.name == f"{region}-external-secrets"
    ]
    assert (bound.get("namespace"), bound.get("serviceAccount")) == ("external-secrets", "external-secrets")


def test_the_proxy_may_read_the_logins_and_no_key(prod: Recorded) -> None:
    read, _ = rights_of(prod.graph, f"{ACTIVE}-ledger-proxy")
    names = {resource.rpartition("secret:")[2].removesuffix("-??????") for resource in read["Resource"]}
    logins = {login.path for login in plan_logins(("shop",))}
    assert names == logins | {"herold-prod-ledger-administrator"}


def test_a_lost_region_takes_no_secret_with_it(prod: Recorded) -> None:
    (key,) = [node for node in prod.graph.of("kms/key:Key") if node.name == f"{STANDBY}-key-credential"]
    for node in of_pods(prod.graph).values():
        assert [copy["region"] for copy in node.get("replicas")] == [STANDBY]
        assert key.urn in node.links["replicas"], "a copy under a key of the region that was lost is no copy"


def test_logins_are_the_same_as_on_the_local_cluster() -> None:
    """Programs, manifests and rights know one set of logins, wherever they are."""
    local = {(login.name, path_of(login.namespace, login.secret)) for login in build_logins(("shop", "two-words"))}
    assert {(login.user, login.path) for login in plan_logins(("shop", "two-words"))} == local


def test_a_brand_becomes_a_login_that_the_ledger_takes() -> None:
    longest = "b" + "-x" * 15
    for login in plan_logins((longest, "shop")):
        check_login(login.user, ["shop"])


def test_what_a_pod_reads_of_a_login_is_its_url_and_what_the_proxy_reads_is_the_same_user(made: Recorded) -> None:
    (proxy,) = made.graph.of("rds/proxy:Proxy")
    assert len(proxy.get("auths")) == 1 + len(plan_logins(("shop",)))
    passwords = set()
    for login in plan_logins(("shop",)):
        content = content_of(made.graph, login.path)
        assert content["username"] == login.user
        passwords.add(content["password"])
        assert content["url"].startswith(f"postgresql://{login.user}:{content['password']}@")
        said = conninfo_to_dict(content["url"])
        assert said["sslmode"] == "verify-full"
        # `system` would be a folder of whoever built psycopg's own libpq: in no image, and no certificate holds.
        assert said["sslrootcert"] == "/etc/ssl/certs/ca-certificates.crt"
        assert "ca-certificates" in (CHECKOUT / "Containerfile").read_text()
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", content["password"]), "it would have to be escaped in a URL"
    assert len(passwords) == len(plan_logins(("shop",)))


def test_the_rotation_finds_in_the_secret_where_the_database_is_and_its_present_password(made: Recorded) -> None:
    (database,) = [node for node in made.graph.of("rds/cluster:Cluster") if node.get("masterUsername")]
    content = content_of(made.graph, "herold-prod-ledger-administrator")
    assert content.keys() == {"engine", "host", "port", "dbname", "username", "password"}
    assert (content["engine"], content["port"], content["dbname"]) == ("postgres", "5432", database.get("databaseName"))
    assert content["username"] == database.get("masterUsername")
    assert content["password"] == database.get("masterPassword")
    (version,) = [node for node in made.graph.of(VERSION) if node.name == f"{ACTIVE}-ledger-administrator"]
    assert database.urn in version.links["secretString"], "the host is of the database that was made"


def test_a_run_that_was_cut_off_draws_no_second_password_of_an_administrator(prod: Recorded) -> None:
    """What the service is made with and what its secret keeps are one thing in the state, not this run's dice."""
    for kind, prop, thing in (
        ("rds/cluster:Cluster", "masterPassword", "ledger"),
        ("mq/broker:Broker", "users", "queue"),
    ):
        (made,) = [node for node in prod.graph.of(kind) if node.links.get(prop)]
        (drawn,) = made.links[prop]
        (version,) = [node for node in prod.graph.of(VERSION) if node.name == f"{ACTIVE}-{thing}-administrator"]
        assert drawn.endswith(f"RandomPassword::{ACTIVE}-{thing}-administrator")
        assert drawn in version.links["secretString"]


def test_the_installation_has_one_key(made: Recorded) -> None:
    platform, senders = (content_of(made.graph, f"herold/{zone}/herold-key") for zone in ("platform", "senders"))
    assert platform == senders
    assert len(bytes.fromhex(platform["key"])) == 32


def test_a_run_that_was_cut_off_between_the_two_keys_makes_no_second_one(prod: Recorded) -> None:
    """The second one comes from what the first one keeps: from its version, not from this run's dice."""
    versions = {node.name: node for node in prod.graph.of(VERSION)}
    second = versions[f"{ACTIVE}-herold-senders-herold-key"]
    assert second.links["secretString"] == (versions[f"{ACTIVE}-herold-platform-herold-key"].urn,)


def test_outputs_hold_no_secret(made: Recorded) -> None:
    said = json.dumps(made.outputs)
    kept = [json.loads(node.get("secretString")) for node in made.graph.of(VERSION)]
    values = {value for content in kept for key, value in content.items() if key in SECRET_KEYS}
    assert len(values) > 8
    assert [value for value in values if value in said] == []


def shape_of(value: Any) -> Any:
    """Keys and kinds of values."""
    if isinstance(value, dict):
        return {key: shape_of(item) for key, item in value.items()}
    return [shape_of(item) for item in value[:1]] if isinstance(value, list) else type(value).__name__


def test_outputs_have_the_shape_that_the_page_says(made: Recorded) -> None:
    (said,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    documented = json.loads(said)
    active, standby = made.outputs["regions"][ACTIVE], made.outputs["regions"][STANDBY]
    assert shape_of(documented["regions"][ACTIVE]) == shape_of(active)
    assert set(active) - set(standby) == {"cache", "queue", "logs", "dashboards"}
    assert documented["environment"] == made.outputs["environment"]


def test_the_how_to_makes_every_login_with_the_role_of_its_work() -> None:
    given = {
        (user, f"herold/{secret}", role)
        for secret, user, role in re.findall(r"^give (\S+) (\S+) --role (\w+) ", Path(HOW_TO).read_text(), re.MULTILINE)
    }
    wanted = {
        (login.name, path_of(login.namespace, login.secret), *login.roles)
        for login in build_logins(("shop",))
        if login.roles
    }
    assert given == wanted


def test_what_the_page_counts_for_the_bill_is_what_the_stacks_have(prod: Recorded, staging: Recorded) -> None:
    page = PAGE.read_text()
    for recorded in (prod, staging):
        graph = recorded.graph
        doors = [node for node in graph.of(DOOR) if node.get("vpcEndpointType") == "Interface"]
        zones = sum(len(node.get("subnetIds")) for node in doors)
        assert f"{len(doors)} in three zones each: {zones};" in page
        (broker,) = graph.of("mq/broker:Broker")
        assert f"| Amazon MQ | 3 {broker.get('hostInstanceType')} |" in page
        instances = list(graph.of("rds/clusterInstance:ClusterInstance"))
        assert f"| Aurora PostgreSQL | {len(instances)} {instances[0].get('instanceClass')};" in page
        (logs,) = graph.of("opensearch/domain:Domain")
        nodes, disk = logs.get("clusterConfig.instanceCount"), logs.get("ebsOptions.volumeSize")
        masters = logs.get("clusterConfig.dedicatedMasterCount") or 0
        assert f"| OpenSearch | {nodes + masters} {logs.get('clusterConfig.instanceType')}; {nodes * disk} GB |" in page
    least = {
        kind: sum(
            group.get("scalingConfig.minSize")
            for group in prod.graph.of("eks/nodeGroup:NodeGroup")
            if group.get("instanceTypes")[0] == kind
        )
        for kind in ("m7i.large", "c7i.large")
    }
    assert f"{least['m7i.large']} m7i.large and {least['c7i.large']} c7i.large at rest" in page
