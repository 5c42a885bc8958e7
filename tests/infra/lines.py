"""For each rule one line of the real program, broken as a person would break it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """A text of a file below pulumi/, what stands there instead, and a part of the name of the resource to blame."""

    file: str
    old: str
    new: str
    blamed: str


NETWORK = "herold_infra/aws/network.py"
CLUSTER = "herold_infra/aws/cluster.py"
DATABASE = "herold_infra/aws/database.py"
CACHE = "herold_infra/aws/cache.py"
QUEUE = "herold_infra/aws/queue.py"
EDGE = "herold_infra/aws/edge.py"
BUCKETS = "herold_infra/aws/bucket.py"
VPN = "herold_infra/aws/vpn.py"
MAIL = "herold_infra/aws/mail.py"
TOPIC = "herold_infra/aws/topic.py"
HEART = "herold_infra/aws/heartbeat.py"
AUDIT = "herold_infra/aws/audit.py"
BACKUP = "herold_infra/aws/backup.py"
NODES = "herold_infra/aws/nodes.py"
METRICS = "herold_infra/aws/metrics.py"
LOGS = "herold_infra/aws/log_store.py"
DASHBOARDS = "herold_infra/aws/dashboards.py"
SPENDING = "herold_infra/aws/spending.py"
KEYS = "herold_infra/aws/keys.py"

LINES: dict[str, Line] = {
    "no-route-from-data": Line(
        NETWORK,
        "        return {Zone.PUBLIC: [public]",
        '        self._make_route("out", data, gateway_id=gateway.id)\n        return {Zone.PUBLIC: [public]',
        "-out",
    ),
    "subnets-are-private": Line(NETWORK, "map_public_ip_on_launch=False,", "", "public-a"),
    "closed-to-everybody": Line(
        "herold_infra/aws/endpoints.py", "Peer(cidr=cidr)", 'Peer(cidr="0.0.0.0/0")', "endpoints-in-https"
    ),
    "default-group-is-closed": Line(
        NETWORK,
        "            ingress=[],\n",
        '            ingress=[{"protocol": "-1", "from_port": 0, "to_port": 0}],\n',
        "default",
    ),
    "networks-are-logged": Line("herold_infra/aws/flow_log.py", 'traffic_type="ALL"', 'traffic_type="REJECT"', "vpc"),
    "three-zones": Line("stacks/Pulumi.aws-prod.yaml", "zones: [a, b, c]", "zones: [a, b]", "eu-central-1-vpc"),
    "keys-rotate": Line(KEYS, "            enable_key_rotation=True,\n", "", "key-"),
    "keys-are-not-lost": Line(KEYS, "DELETION_DAYS = 30", "DELETION_DAYS = 7", "key-"),
    "keys-have-a-class": Line(KEYS, "            policy=build_key_policy(place, data),\n", "", "key-"),
    "cluster-enforces-network-policies": Line(
        CLUSTER, '{"vpc-cni": {"enableNetworkPolicy": "true"}}', "{}", "addon-vpc-cni"
    ),
    "cluster-api-is-private": Line(CLUSTER, '                "endpoint_public_access": False,\n', "", "-cluster"),
    "cluster-secrets-are-encrypted": Line(CLUSTER, '"resources": ["secrets"]', '"resources": []', "-cluster"),
    "cluster-is-logged": Line(CLUSTER, '"authenticator", ', "", "-cluster"),
    "cluster-access-is-declared": Line(CLUSTER, '"API", ', '"API_AND_CONFIG_MAP", ', "-cluster"),
    "metadata-wants-a-token": Line(NODES, '"http_tokens": "required", ', "", "nodes-"),
    "disks-are-encrypted": Line(NODES, '            "encrypted": "true",\n', "", "nodes-"),
    "cluster-versions-are-pinned": Line(
        CLUSTER, "            addon_version=self._settings.addons[addon],\n", "", "addon-"
    ),
    "data-at-rest-is-encrypted": Line(DATABASE, "            storage_encrypted=True,\n", "", "1-ledger"),
    "data-in-flight-is-encrypted": Line(CACHE, '            transit_encryption_mode="required",\n', "", "-cache"),
    "data-is-private": Line(QUEUE, "            publicly_accessible=False,\n", "", "-queue"),
    "data-wants-identity": Line(DATABASE, "            iam_database_authentication_enabled=True,\n", "", "1-ledger"),
    "data-can-be-restored": Line("stacks/Pulumi.aws-prod.yaml", "backup_days: 35", "backup_days: 7", "1-ledger"),
    "data-refuses-deletion": Line(
        "herold_infra/aws/worldwide.py", "            deletion_protection=True,\n", "", "worldwide-ledger"
    ),
    "data-survives-a-zone": Line(QUEUE, '"CLUSTER_MULTI_AZ"', '"SINGLE_INSTANCE"', "-queue"),
    "content-is-not-logged": Line(DATABASE, '    "log_error_verbosity": "terse",\n', "", "1-ledger"),
    "firewall-before-the-edge": Line(
        EDGE, "            resource_arn=balancer.arn,\n", '            resource_arn="arn:aws:other",\n', "1-edge"
    ),
    "firewall-is-complete": Line(
        "herold_infra/aws/firewall_rules.py", "[_body(0), _rate(1, rate)]", "[_rate(1, rate)]", "1-edge"
    ),
    "firewall-is-logged": Line(EDGE, '                {"query_string": {}},\n', "", "1-edge"),
    "listeners-speak-tls": Line(EDGE, "            ssl_policy=TLS,\n", "", "edge-https"),
    "balancers-are-careful": Line(EDGE, "            drop_invalid_header_fields=True,\n", "", "1-edge"),
    "buckets-are-private": Line(BUCKETS, "        restrict_public_buckets=True,\n", "", "edge-log"),
    "buckets-are-encrypted": Line(BUCKETS, "_only_tls(name), *plan", "*plan", "edge-log"),
    "buckets-keep-and-forget": Line(BUCKETS, '"status": "Enabled"}', '"status": "Suspended"}', "edge-log"),
    "people-come-by-name": Line(VPN, "                access_group_id=allowed,\n", "", "people"),
    "tunnels-are-strong": Line(VPN, "            tunnel2_phase1_dh_group_numbers=GROUPS,\n", "", "-site"),
    "mail-leaves-by-tls": Line(MAIL, '            delivery_options={"tls_policy": "REQUIRE"},\n', "", "mail-marketing"),
    "objections-are-heard": Line(MAIL, '"BOUNCE", "COMPLAINT", "DELIVERY"', '"BOUNCE", "DELIVERY"', "mail-"),
    "events-are-kept": Line(TOPIC, "        redrive_policy=redrive,\n", "", "mail-events"),
    "events-come-from-whom-we-know": Line(
        TOPIC, '                {"StringEquals": {"aws:SourceAccount": place.account}},\n', "", "mail-events"
    ),
    "functions-are-bounded": Line(HEART, "            reserved_concurrent_executions=1,\n", "", "heartbeat"),
    "schedules-lose-nothing": Line(HEART, '                "dead_letter_config": {"arn": dead},\n', "", "heartbeat"),
    "silence-is-an-alarm": Line(HEART, '            treat_missing_data="breaching",\n', "", "heartbeat"),
    "secrets-are-kept": Line(
        "herold_infra/aws/password.py", "        kms_key_id=keys.credential.arn,\n", "", "administrator"
    ),
    "secrets-rotate": Line("herold_infra/aws/rotation.py", "DAYS = 30", "DAYS = 400", "1-ledger"),
    "account-is-trailed": Line(AUDIT, "            enable_log_file_validation=True,\n", "", "trail"),
    "attacks-are-watched": Line(AUDIT, '"RDS_LOGIN_EVENTS", ', "", "audit"),
    "changes-are-recorded": Line(AUDIT, '"all_supported": True', '"all_supported": False', "audit"),
    "regions-are-judged": Line(AUDIT, "pci-dss/v/4.0.1", "pci-dss/v/3.2.1", "vpc"),
    "account-is-closed": Line(AUDIT, "                ignore_public_acls=True,\n", "", "audit"),
    "backups-are-locked": Line(BACKUP, "            changeable_for_days=settings.lock_after_days,\n", "", "backup"),
    "backups-are-made-and-copied": Line(BACKUP, '"key": "herold:data"', '"key": "herold:owner"', "backup"),
    "restores-are-tried": Line(
        BACKUP,
        "            restore_testing_plan_name=plan.name,\n",
        '            restore_testing_plan_name="x",\n',
        "backup",
    ),
    "metrics-are-kept": Line(METRICS, "            retention_period_in_days=settings.days,\n", "", "metrics"),
    "metrics-raise-alarms": Line(
        METRICS,
        "self._args.alarm_topic.apply(lambda topic: build_alert_manager(topic, place.region))",
        'build_alert_manager("arn:aws:sns:eu-central-1:123456789012:other", place.region)',
        "metrics",
    ),
    "log-store-is-audited": Line(
        LOGS, '"cloudwatch_log_group_arn": log.arn, "enabled": True}', '"cloudwatch_log_group_arn": log.arn}', "-logs"
    ),
    "dashboards-are-private": Line(
        DASHBOARDS,
        '            network_access_control={"vpce_ids": [door.id], "prefix_list_ids": []},\n',
        "",
        "dashboards",
    ),
    "spending-is-watched": Line(SPENDING, '("ACTUAL", 100), ', "", "spending"),
    "no-star": Line("herold_infra/aws/flow_log.py", '"logs:CreateLogStream", ', '"logs:*", ', "flow"),
    "roles-name-their-bearers": Line(
        "herold_infra/aws/documents.py", 'principals={"Service": [service]}', 'principals={"AWS": ["*"]}', "flow"
    ),
    "logs-are-kept": Line("herold_infra/aws/flow_log.py", "        retention_in_days=days,\n", "", "flow"),
    "stateful-is-protected": Line("herold_infra/component.py", "protect=True, ", "", "key-"),
    "data-stays-in-the-union": Line(
        "herold_infra/aws/endpoints.py", "            region=place.region,\n", "", "endpoint-"
    ),
}
