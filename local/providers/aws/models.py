"""Makes calls.json: the limits of AWS's own models of its calls, by the names that Pulumi's SDK has for them.

`make models` runs it in an environment of its own (locks/models.txt): botocore is needed for this and nothing else.
A property is matched to a member of the call by its name; MAKES lists where the names differ. What finds no match
is left out, never guessed.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import botocore
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from local.providers.aws import shapes

DEPTH = 4
# Type token -> service and call of AWS, and names that differ.
MAKES: dict[str, tuple[str, str, dict[str, str]]] = {
    "aws:ec2/vpc:Vpc": ("ec2", "CreateVpc", {}),
    "aws:ec2/subnet:Subnet": ("ec2", "CreateSubnet", {}),
    "aws:ec2/flowLog:FlowLog": ("ec2", "CreateFlowLogs", {}),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("ec2", "CreateVpcEndpoint", {}),
    "aws:ec2/launchTemplate:LaunchTemplate": ("ec2", "CreateLaunchTemplate", {"name": "LaunchTemplateName"}),
    "aws:cloudwatch/logGroup:LogGroup": ("logs", "CreateLogGroup", {"name": "logGroupName"}),
    "aws:kms/key:Key": ("kms", "CreateKey", {"customerMasterKeySpec": "KeySpec"}),
    "aws:kms/replicaKey:ReplicaKey": ("kms", "ReplicateKey", {}),
    "aws:kms/alias:Alias": ("kms", "CreateAlias", {"name": "AliasName"}),
    "aws:iam/role:Role": ("iam", "CreateRole", {"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}),
    "aws:iam/policy:Policy": ("iam", "CreatePolicy", {"name": "PolicyName", "policy": "PolicyDocument"}),
    "aws:iam/rolePolicy:RolePolicy": ("iam", "PutRolePolicy", {"name": "PolicyName", "policy": "PolicyDocument"}),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ("iam", "AttachRolePolicy", {"role": "RoleName"}),
    "aws:eks/cluster:Cluster": ("eks", "CreateCluster", {}),
    "aws:eks/nodeGroup:NodeGroup": ("eks", "CreateNodegroup", {"nodeGroupName": "nodegroupName"}),
    "aws:eks/addon:Addon": ("eks", "CreateAddon", {}),
    "aws:eks/accessEntry:AccessEntry": ("eks", "CreateAccessEntry", {}),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": ("eks", "CreatePodIdentityAssociation", {}),
    "aws:rds/cluster:Cluster": ("rds", "CreateDBCluster", {"clusterIdentifier": "DBClusterIdentifier"}),
    "aws:rds/clusterInstance:ClusterInstance": ("rds", "CreateDBInstance", {"identifier": "DBInstanceIdentifier"}),
    "aws:rds/globalCluster:GlobalCluster": ("rds", "CreateGlobalCluster", {}),
    "aws:rds/proxy:Proxy": ("rds", "CreateDBProxy", {"name": "DBProxyName", "auths": "Auth"}),
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": ("rds", "CreateDBClusterParameterGroup", {}),
    "aws:elasticache/replicationGroup:ReplicationGroup": ("elasticache", "CreateReplicationGroup", {}),
    "aws:elasticache/user:User": ("elasticache", "CreateUser", {}),
    "aws:elasticache/userGroup:UserGroup": ("elasticache", "CreateUserGroup", {}),
    "aws:mq/broker:Broker": ("mq", "CreateBroker", {}),
    "aws:mq/configuration:Configuration": ("mq", "CreateConfiguration", {}),
    "aws:lb/loadBalancer:LoadBalancer": ("elbv2", "CreateLoadBalancer", {"loadBalancerType": "Type"}),
    "aws:lb/listener:Listener": ("elbv2", "CreateListener", {}),
    "aws:lb/targetGroup:TargetGroup": ("elbv2", "CreateTargetGroup", {}),
    "aws:acm/certificate:Certificate": ("acm", "RequestCertificate", {}),
    "aws:wafv2/webAcl:WebAcl": ("wafv2", "CreateWebACL", {}),
    "aws:route53/healthCheck:HealthCheck": ("route53", "CreateHealthCheck", {}),
    "aws:route53/record:Record": ("route53", "ChangeResourceRecordSets", {}),
    "aws:ec2clientvpn/endpoint:Endpoint": ("ec2", "CreateClientVpnEndpoint", {}),
    "aws:ec2/customerGateway:CustomerGateway": ("ec2", "CreateCustomerGateway", {}),
    "aws:ec2/vpnConnection:VpnConnection": ("ec2", "CreateVpnConnection", {}),
    "aws:sesv2/emailIdentity:EmailIdentity": ("sesv2", "CreateEmailIdentity", {}),
    "aws:sesv2/configurationSet:ConfigurationSet": ("sesv2", "CreateConfigurationSet", {}),
    "aws:sesv2/configurationSetEventDestination:ConfigurationSetEventDestination": (
        "sesv2",
        "CreateConfigurationSetEventDestination",
        {},
    ),
    "aws:pinpoint/smsvoicev2PhoneNumber:Smsvoicev2PhoneNumber": ("pinpoint-sms-voice-v2", "RequestPhoneNumber", {}),
    "aws:pinpoint/smsvoicev2ConfigurationSet:Smsvoicev2ConfigurationSet": (
        "pinpoint-sms-voice-v2",
        "CreateConfigurationSet",
        {"name": "ConfigurationSetName"},
    ),
    "aws:pinpoint/smsvoicev2OptOutList:Smsvoicev2OptOutList": (
        "pinpoint-sms-voice-v2",
        "CreateOptOutList",
        {"name": "OptOutListName"},
    ),
    "aws:scheduler/schedule:Schedule": ("scheduler", "CreateSchedule", {}),
    "aws:scheduler/scheduleGroup:ScheduleGroup": ("scheduler", "CreateScheduleGroup", {}),
    "aws:lambda/function:Function": ("lambda", "CreateFunction", {"name": "FunctionName"}),
    "aws:sqs/queue:Queue": ("sqs", "CreateQueue", {"name": "QueueName"}),
    "aws:sns/topic:Topic": ("sns", "CreateTopic", {}),
    "aws:secretsmanager/secret:Secret": ("secretsmanager", "CreateSecret", {}),
    "aws:cloudtrail/trail:Trail": ("cloudtrail", "CreateTrail", {}),
    "aws:guardduty/detector:Detector": ("guardduty", "CreateDetector", {}),
    "aws:guardduty/detectorFeature:DetectorFeature": ("guardduty", "UpdateDetector", {}),
    "aws:backup/vault:Vault": ("backup", "CreateBackupVault", {"name": "BackupVaultName"}),
    "aws:backup/plan:Plan": ("backup", "CreateBackupPlan", {}),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": ("backup", "CreateRestoreTestingPlan", {}),
    "aws:amp/workspace:Workspace": ("amp", "CreateWorkspace", {}),
    "aws:amp/workspaceConfiguration:WorkspaceConfiguration": ("amp", "UpdateWorkspaceConfiguration", {}),
    "aws:amp/ruleGroupNamespace:RuleGroupNamespace": ("amp", "CreateRuleGroupsNamespace", {}),
    "aws:amp/scraper:Scraper": ("amp", "CreateScraper", {}),
    "aws:grafana/workspace:Workspace": ("grafana", "CreateWorkspace", {"name": "workspaceName"}),
    "aws:opensearch/domain:Domain": ("opensearch", "CreateDomain", {}),
    "aws:budgets/budget:Budget": ("budgets", "CreateBudget", {}),
}


def limits_of(kind: str) -> dict[str, dict[str, Any]]:
    """The limits of one kind of resource, by path."""
    service, call, names = MAKES[kind]
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    fields = shapes.inputs_of(kind)
    if fields is None:
        raise LookupError(f"the AWS SDK has no resource {kind}")
    found: dict[str, dict[str, Any]] = {}
    _walk(fields, model.operation_model(call).input_shape, names, "", 0, found)
    return dict(sorted(found.items()))


def _walk(
    fields: dict[str, shapes.Field],
    shape: Shape,
    names: dict[str, str],
    path: str,
    depth: int,
    found: dict[str, dict[str, Any]],
) -> None:
    members = {_plain(name): member for name, member in shape.members.items()}
    for name, field in fields.items():
        member = members.get(_plain(names.get(name, name)))
        if member is None:
            continue
        where, types = f"{path}{name}", field.members
        # The SDK flattens what may occur once, and lists what may occur often; the call may see it otherwise.
        while member.type_name == "list" and (inner := _item(types)) is not None:
            where, types, member = where + "[]", inner, member.member
        classes = [item for item in types if isinstance(item, type) and shapes.fields_of(item)]
        if member.type_name == "structure":
            if classes and depth < DEPTH:
                _walk(shapes.fields_of(classes[0]), member, {}, where + ".", depth + 1, found)
        elif not classes and (limit := _limit(member, types)):
            found[where] = limit


def _item(types: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The types of the items, where the property is a list."""
    return next((shapes.items_of(item) for item in types if shapes.items_of(item) is not None), None)


def _limit(member: Shape, types: tuple[Any, ...]) -> dict[str, Any]:
    limit: dict[str, Any] = {}
    same = {"string": str, "integer": int, "long": int, "double": float, "float": float}.get(member.type_name)
    if same is None or same not in types:
        return limit
    metadata = member.metadata
    if metadata.get("enum"):
        limit["values"] = sorted(metadata["enum"])
    elif metadata.get("pattern") and _compiles(metadata["pattern"]):
        limit["pattern"] = metadata["pattern"]
    for key, name in (("min", "least"), ("max", "most")):
        if key in metadata and "values" not in limit:
            limit[name] = metadata[key]
    return limit


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _plain(name: str) -> str:
    return name.lower().removesuffix("s")


def main() -> None:
    """Write the table beside this module."""
    resources = {}
    for kind in sorted(MAKES):
        if limits := limits_of(kind):
            resources[kind] = limits
        print(f"{kind}: {len(limits)}", file=sys.stderr)
    text = json.dumps({"botocore": botocore.__version__, "resources": resources}, indent=1, ensure_ascii=True)
    Path(__file__).with_name("calls.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
