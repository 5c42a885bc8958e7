"""For each rule, how a stack breaks it: first of all by leaving something unset."""

from __future__ import annotations

import json

from infra.edits import Added, Edit, put, unprotect, unset, without

GROUP = "ec2/securityGroup:SecurityGroup"
INGRESS = "vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ALL = "0.0.0.0/0"
VAULT = "backup/vault:Vault"
TRAIL = "cloudtrail/trail:Trail"
FUNCTION = "lambda/function:Function"
PEOPLE = "ec2clientvpn/endpoint:Endpoint"
SITE = "ec2/vpnConnection:VpnConnection"
SET = "sesv2/configurationSet:ConfigurationSet"
NUMBER = "pinpoint/smsvoicev2PhoneNumber:Smsvoicev2PhoneNumber"
BALANCER = "lb/loadBalancer:LoadBalancer"
ACL = "wafv2/webAcl:WebAcl"
LOGGING = "wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
BUCKET = "s3/bucket:Bucket"
ENCRYPTION = "EncryptionConfiguration"
DATABASE = "rds/cluster:Cluster"
PARAMETERS = "rds/clusterParameterGroup:ClusterParameterGroup"
PROXY = "rds/proxy:Proxy"
CACHE = "elasticache/replicationGroup:ReplicationGroup"
BROKER = "mq/broker:Broker"
CLUSTER = "eks/cluster:Cluster"
ADDON = "eks/addon:Addon"
TEMPLATE = "ec2/launchTemplate:LaunchTemplate"
NODES = "eks/nodeGroup:NodeGroup"
LOGS = "opensearch/domain:Domain"
METRICS = "amp/workspace:Workspace"
DASHBOARDS = "grafana/workspace:Workspace"
BUDGET = "budgets/budget:Budget"
UNUSUAL = "costexplorer/anomalySubscription:AnomalySubscription"


def grants(action: str, resource: str) -> str:
    """A document with one statement."""
    return json.dumps({"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})


BREAKS: dict[str, tuple[Edit, ...]] = {
    "no-route-from-data": (
        Added(
            "ec2/route:Route",
            {"destinationCidrBlock": ALL, "gatewayId": "igw-1"},
            {"routeTableId": ("ec2/routeTable:RouteTable", "data-all")},
        ),
        # A table that says another zone, and serves the data zone all the same.
        put("ec2/routeTable:RouteTable", "routes", [{"cidrBlock": ALL, "gatewayId": "igw-1"}], "data-all"),
    ),
    "subnets-are-private": (
        unset("ec2/subnet:Subnet", "mapPublicIpOnLaunch"),
        unset("ec2/subnet:Subnet", "tags"),
    ),
    "closed-to-everybody": (
        unset(INGRESS, "cidrIpv4", "endpoints"),
        put(INGRESS, "cidrIpv4", ALL, "endpoints"),
        put(GROUP, "ingress", [{"fromPort": 22, "toPort": 22, "protocol": "tcp", "cidrBlocks": [ALL]}]),
    ),
    "default-group-is-closed": (
        without("ec2/defaultSecurityGroup:DefaultSecurityGroup", "ec2/vpc:Vpc"),
        put("ec2/defaultSecurityGroup:DefaultSecurityGroup", "egress", [{"protocol": "-1"}]),
    ),
    "networks-are-logged": (without("ec2/flowLog:FlowLog", "ec2/vpc:Vpc"),),
    "three-zones": (without("ec2/subnet:Subnet", "ec2/vpc:Vpc", "data-c"),),
    "keys-rotate": (
        unset("kms/key:Key", "enableKeyRotation"),
        unset("kms/key:Key", "rotationPeriodInDays"),
    ),
    "keys-are-not-lost": (
        unset("kms/key:Key", "deletionWindowInDays"),
        put("kms/key:Key", "deletionWindowInDays", 7),
    ),
    "keys-have-a-class": (
        unset("kms/key:Key", "policy"),
        unset("kms/key:Key", "tags"),
    ),
    "cluster-api-is-private": (
        unset(CLUSTER, "vpcConfig.endpointPublicAccess"),
        unset(CLUSTER, "vpcConfig.endpointPrivateAccess"),
        put(CLUSTER, "vpcConfig.endpointPublicAccess", True),
    ),
    "cluster-secrets-are-encrypted": (
        unset(CLUSTER, "encryptionConfig"),
        put(CLUSTER, "encryptionConfig.resources", []),
    ),
    "cluster-is-logged": (unset(CLUSTER, "enabledClusterLogTypes"), put(CLUSTER, "enabledClusterLogTypes", ["api"])),
    "cluster-access-is-declared": (
        unset(CLUSTER, "accessConfig"),
        unset(CLUSTER, "accessConfig.bootstrapClusterCreatorAdminPermissions"),
    ),
    "cluster-enforces-network-policies": (
        without(ADDON, CLUSTER, "vpc-cni"),
        unset(ADDON, "configurationValues", "vpc-cni"),
        put(ADDON, "configurationValues", "{}", "vpc-cni"),
        put(ADDON, "configurationValues", '{"enableNetworkPolicy": "false"}', "vpc-cni"),
    ),
    "metadata-wants-a-token": (
        unset(TEMPLATE, "metadataOptions"),
        put(TEMPLATE, "metadataOptions.httpTokens", "optional"),
        put(TEMPLATE, "metadataOptions.httpPutResponseHopLimit", 2),
        unset(NODES, "launchTemplate"),
    ),
    "disks-are-encrypted": (
        unset(TEMPLATE, "blockDeviceMappings"),
        unset(TEMPLATE, "blockDeviceMappings[1].ebs.encrypted"),
        unset(TEMPLATE, "blockDeviceMappings[0].ebs.kmsKeyId"),
    ),
    "cluster-versions-are-pinned": (
        unset(CLUSTER, "version"),
        unset(NODES, "version"),
        unset(ADDON, "addonVersion"),
    ),
    "data-at-rest-is-encrypted": (
        unset(DATABASE, "storageEncrypted"),
        unset(DATABASE, "kmsKeyId"),
        unset("rds/globalCluster:GlobalCluster", "storageEncrypted"),
        unset(CACHE, "atRestEncryptionEnabled"),
        unset(CACHE, "kmsKeyId"),
        unset(BROKER, "encryptionOptions"),
        unset(LOGS, "encryptAtRest"),
        unset(LOGS, "encryptAtRest.kmsKeyId"),
    ),
    "data-in-flight-is-encrypted": (
        unset(DATABASE, "dbClusterParameterGroupName"),
        unset(PARAMETERS, "parameters"),
        put(PARAMETERS, "parameters", [{"name": "rds.force_ssl", "value": "0"}]),
        unset(PROXY, "requireTls"),
        unset(CACHE, "transitEncryptionMode"),
        put(CACHE, "transitEncryptionMode", "preferred"),
        unset(LOGS, "nodeToNodeEncryption"),
        unset(LOGS, "domainEndpointOptions.enforceHttps"),
        put(LOGS, "domainEndpointOptions.tlsSecurityPolicy", "Policy-Min-TLS-1-0-2019-07"),
    ),
    "data-is-private": (
        unset("rds/clusterInstance:ClusterInstance", "publiclyAccessible"),
        unset(BROKER, "publiclyAccessible"),
        unset(INGRESS, "referencedSecurityGroupId", "queue-in"),
        unset(LOGS, "vpcOptions"),
    ),
    "data-wants-identity": (
        unset(DATABASE, "iamDatabaseAuthenticationEnabled"),
        unset(PROXY, "auths"),
        put(PROXY, "auths[0].iamAuth", "DISABLED"),
        unset(PROXY, "auths[1].clientPasswordAuthType"),
        put(PROXY, "auths[1].clientPasswordAuthType", "POSTGRES_MD5"),
        put(PROXY, "auths[1].description", "pod_reader"),
        unset(CACHE, "userGroupIds"),
        unset("elasticache/user:User", "authenticationMode", "1-cache"),
        put("elasticache/user:User", "accessString", "on ~* +@all", "default"),
        unset(LOGS, "advancedSecurityOptions"),
        put(LOGS, "advancedSecurityOptions.anonymousAuthEnabled", True),
        unset(LOGS, "accessPolicies"),
    ),
    "data-can-be-restored": (
        unset(DATABASE, "backupRetentionPeriod"),
        unset(DATABASE, "skipFinalSnapshot"),
        put(DATABASE, "backupRetentionPeriod", 7),
        unset(CACHE, "snapshotRetentionLimit"),
    ),
    "data-refuses-deletion": (
        unset(DATABASE, "deletionProtection"),
        unset("rds/globalCluster:GlobalCluster", "deletionProtection"),
        unset(CLUSTER, "deletionProtection"),
    ),
    "data-survives-a-zone": (
        unset(CACHE, "multiAzEnabled"),
        unset(CACHE, "automaticFailoverEnabled"),
        unset(BROKER, "deploymentMode"),
        without("rds/clusterInstance:ClusterInstance", DATABASE, "eu-central-1"),
        unset(LOGS, "clusterConfig.zoneAwarenessConfig"),
        put(LOGS, "clusterConfig.dedicatedMasterEnabled", False),
    ),
    "content-is-not-logged": (
        unset(PARAMETERS, "parameters"),
        put(PARAMETERS, "parameters", [{"name": "log_statement", "value": "none"}]),
        unset(PROXY, "debugLogging"),
        put(CACHE, "logDeliveryConfigurations[0].logType", "slow-log"),
        put(LOGS, "logPublishingOptions[0].logType", "SEARCH_SLOW_LOGS"),
    ),
    "firewall-before-the-edge": (
        without("wafv2/webAclAssociation:WebAclAssociation", BALANCER, "central"),
        unset(BALANCER, "enableWafFailOpen"),
    ),
    "firewall-is-complete": (
        unset(ACL, "rules"),
        unset(ACL, "rules[0]"),
        unset(ACL, "rules[1]"),
        unset(ACL, "rules[4]"),
        put(ACL, "rules[0].action", {"count": {}}),
    ),
    "firewall-is-logged": (
        without(LOGGING, ACL, "central"),
        unset(LOGGING, "redactedFields"),
    ),
    "listeners-speak-tls": (
        unset("lb/listener:Listener", "sslPolicy", "https"),
        put("lb/listener:Listener", "sslPolicy", "ELBSecurityPolicy-2016-08", "https"),
        put("lb/listener:Listener", "defaultActions", [{"type": "forward"}], "edge-http"),
    ),
    "balancers-are-careful": (
        unset(BALANCER, "dropInvalidHeaderFields"),
        unset(BALANCER, "accessLogs"),
        unset(BALANCER, "enableDeletionProtection"),
    ),
    "buckets-are-private": (
        without("s3/bucketPublicAccessBlock:BucketPublicAccessBlock", BUCKET, "edge-log", whose="edge-log"),
        unset("s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "restrictPublicBuckets"),
    ),
    "buckets-are-encrypted": (
        without(f"s3/bucketServerSide{ENCRYPTION}:BucketServerSide{ENCRYPTION}", BUCKET),
        without("s3/bucketPolicy:BucketPolicy", BUCKET),
        put("s3/bucketPolicy:BucketPolicy", "policy", grants("s3:GetObject", "x"), "edge-log", blamed=BUCKET),
    ),
    "buckets-keep-and-forget": (
        without("s3/bucketVersioning:BucketVersioning", BUCKET),
        without("s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", BUCKET),
    ),
    "people-come-by-name": (
        put(PEOPLE, "authenticationOptions", [{"type": "certificate-authentication"}]),
        unset(PEOPLE, "connectionLogOptions"),
        unset(PEOPLE, "disconnectOnSessionTimeout"),
        unset("ec2clientvpn/authorizationRule:AuthorizationRule", "accessGroupId"),
    ),
    "tunnels-are-strong": (
        unset(SITE, "presharedKeyStorage"),
        unset(SITE, "tunnel1IkeVersions"),
        unset(SITE, "tunnel2Phase1DhGroupNumbers"),
        put(SITE, "tunnel1Phase2DhGroupNumbers", [2, 20]),
        unset(SITE, "tunnel2Phase2EncryptionAlgorithms"),
        put(SITE, "tunnel1Phase1IntegrityAlgorithms", ["SHA1"]),
        put(SITE, "tunnel1PresharedKey", "x"),
    ),
    "mail-leaves-by-tls": (
        unset(SET, "deliveryOptions"),
        put(SET, "deliveryOptions.tlsPolicy", "OPTIONAL"),
        unset("sesv2/emailIdentity:EmailIdentity", "dkimSigningAttributes"),
    ),
    "objections-are-heard": (
        without("sesv2/configurationSetEventDestination:ConfigurationSetEventDestination", SET, "marketing"),
        unset(SET, "suppressionOptions"),
        unset(NUMBER, "optOutListName"),
        unset(NUMBER, "selfManagedOptOutsEnabled"),
    ),
    "events-are-kept": (
        unset("sqs/queue:Queue", "kmsMasterKeyId"),
        unset("sns/topic:Topic", "kmsMasterKeyId"),
        unset("sqs/queue:Queue", "redrivePolicy", "mail-events"),
    ),
    "events-come-from-whom-we-know": (
        unset("sns/topic:Topic", "policy"),
        put("sqs/queue:Queue", "policy", grants("sqs:SendMessage", "x")),
    ),
    "functions-are-bounded": (
        unset(FUNCTION, "runtime"),
        put(FUNCTION, "runtime", "python3.9"),
        unset(FUNCTION, "timeout"),
        unset(FUNCTION, "reservedConcurrentExecutions"),
        unset(FUNCTION, "deadLetterConfig"),
        unset(FUNCTION, "kmsKeyArn"),
        unset(FUNCTION, "loggingConfig"),
    ),
    "schedules-lose-nothing": (
        unset("scheduler/schedule:Schedule", "target.deadLetterConfig"),
        unset("scheduler/schedule:Schedule", "target.retryPolicy"),
        unset("scheduler/schedule:Schedule", "kmsKeyArn"),
    ),
    "silence-is-an-alarm": (
        unset("cloudwatch/metricAlarm:MetricAlarm", "treatMissingData"),
        unset("cloudwatch/metricAlarm:MetricAlarm", "alarmActions"),
    ),
    "secrets-are-kept": (
        unset("secretsmanager/secret:Secret", "kmsKeyId"),
        unset("secretsmanager/secret:Secret", "recoveryWindowInDays"),
    ),
    "secrets-rotate": (
        without(
            "secretsmanager/secretRotation:SecretRotation",
            "secretsmanager/secret:Secret",
            whose="ledger-administrator",
        ),
        unset("secretsmanager/secretRotation:SecretRotation", "rotationRules"),
        unset("secretsmanager/secret:Secret", "tags", "queue"),
    ),
    "account-is-trailed": (
        without(TRAIL, "ec2/vpc:Vpc"),
        unset(TRAIL, "isMultiRegionTrail"),
        unset(TRAIL, "enableLogFileValidation"),
        unset(TRAIL, "kmsKeyId"),
        unset(TRAIL, "cloudWatchLogsGroupArn"),
    ),
    "attacks-are-watched": (
        without("guardduty/detector:Detector", "ec2/vpc:Vpc", "eu-central-1"),
        unset("guardduty/detectorFeature:DetectorFeature", "status", blamed="guardduty/detector:Detector"),
    ),
    "changes-are-recorded": (
        without("cfg/recorder:Recorder", "ec2/vpc:Vpc", "eu-central-1"),
        without("cfg/recorderStatus:RecorderStatus", "ec2/vpc:Vpc", "eu-central-1"),
        unset("cfg/recorder:Recorder", "recordingGroup"),
    ),
    "regions-are-judged": (
        without("securityhub/standardsSubscription:StandardsSubscription", "ec2/vpc:Vpc", "eu-central-1-audit-pci-dss"),
    ),
    "account-is-closed": (
        without("ebs/encryptionByDefault:EncryptionByDefault", "ec2/vpc:Vpc", "eu-central-1"),
        without("s3/accountPublicAccessBlock:AccountPublicAccessBlock", "ec2/vpc:Vpc"),
        unset("s3/accountPublicAccessBlock:AccountPublicAccessBlock", "blockPublicAcls"),
    ),
    "backups-are-locked": (
        unset(VAULT, "kmsKeyArn"),
        unset(VAULT, "forceDestroy"),
        without("backup/vaultLockConfiguration:VaultLockConfiguration", VAULT),
        unset("backup/vaultLockConfiguration:VaultLockConfiguration", "minRetentionDays"),
        unset("backup/vaultLockConfiguration:VaultLockConfiguration", "changeableForDays"),
    ),
    "backups-are-made-and-copied": (
        without("backup/plan:Plan", VAULT),
        without("backup/selection:Selection", "backup/plan:Plan"),
        put("backup/plan:Plan", "rules[0].copyActions", []),
    ),
    "restores-are-tried": (
        without("backup/restoreTestingPlan:RestoreTestingPlan", "backup/plan:Plan"),
        without("backup/restoreTestingSelection:RestoreTestingSelection", "backup/plan:Plan"),
    ),
    "metrics-are-kept": (
        without("amp/scraper:Scraper", CLUSTER),
        unset(METRICS, "kmsKeyArn"),
        unset(METRICS, "loggingConfiguration"),
        without("amp/workspaceConfiguration:WorkspaceConfiguration", METRICS),
        put("amp/workspaceConfiguration:WorkspaceConfiguration", "retentionPeriodInDays", 30, blamed=METRICS),
    ),
    "metrics-raise-alarms": (
        without("amp/ruleGroupNamespace:RuleGroupNamespace", METRICS),
        without("amp/alertManagerDefinition:AlertManagerDefinition", METRICS),
    ),
    "log-store-is-audited": (
        unset(LOGS, "logPublishingOptions"),
        unset(LOGS, "logPublishingOptions[0].enabled"),
        unset(LOGS, "softwareUpdateOptions"),
    ),
    "dashboards-are-private": (
        unset(DASHBOARDS, "networkAccessControl"),
        put(DASHBOARDS, "networkAccessControl.prefixListIds", ["pl-1"]),
        unset(DASHBOARDS, "vpcConfiguration"),
        unset(DASHBOARDS, "kmsKeyId"),
        put(DASHBOARDS, "permissionType", "SERVICE_MANAGED"),
        put(DASHBOARDS, "authenticationProviders", []),
        unset("grafana/roleAssociation:RoleAssociation", "groupIds"),
        put("grafana/roleAssociation:RoleAssociation", "userIds", ["somebody"]),
    ),
    "spending-is-watched": (
        without(BUDGET, "ec2/vpc:Vpc"),
        without(UNUSUAL, "ec2/vpc:Vpc"),
        unset(BUDGET, "limitAmount"),
        unset(BUDGET, "notifications[2]"),
        unset(BUDGET, "notifications[0].subscriberSnsTopicArns"),
        unset(UNUSUAL, "thresholdExpression"),
    ),
    "no-star": (
        unset("iam/rolePolicy:RolePolicy", "policy"),
        put("iam/rolePolicy:RolePolicy", "policy", grants("*", "arn:aws:s3:::x")),
        put("iam/rolePolicy:RolePolicy", "policy", grants("s3:*", "arn:aws:s3:::x")),
        put("iam/rolePolicy:RolePolicy", "policy", grants("s3:GetObject", "*")),
        put(
            "iam/rolePolicy:RolePolicy",
            "policy",
            '{"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "x"}}',
        ),
    ),
    "roles-name-their-bearers": (
        unset("iam/role:Role", "assumeRolePolicy"),
        put("iam/role:Role", "assumeRolePolicy", '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}}]}'),
    ),
    "logs-are-kept": (
        unset("cloudwatch/logGroup:LogGroup", "retentionInDays"),
        unset("cloudwatch/logGroup:LogGroup", "kmsKeyId"),
        put("cloudwatch/logGroup:LogGroup", "retentionInDays", 90),
    ),
    "stateful-is-protected": (unprotect("kms/key:Key"),),
    "data-stays-in-the-union": (
        unset("ec2/subnet:Subnet", "region"),
        put("kms/key:Key", "region", "us-east-1"),
    ),
}
