"""Rules for the ways into a network."""

from __future__ import annotations

from collections.abc import Iterator

from herold_policies.graph import Graph
from herold_policies.rule import Violation, fsbp, gdpr, pci, rule

ENDPOINT = "ec2clientvpn/endpoint:Endpoint"
ALLOWED = "ec2clientvpn/authorizationRule:AuthorizationRule"
CONNECTION = "ec2/vpnConnection:VpnConnection"
WEAKEST_GROUP = 15


@rule(
    "People come in by name, with a second factor, and it is logged",
    pci("8.4.2"),
    pci("8.4.3"),
    fsbp("EC2.51"),
    kinds=(ENDPOINT, ALLOWED),
)
def people_come_by_name(graph: Graph) -> Iterator[Violation]:
    """A way in by a certificate alone, for everybody who has one, or without a log."""
    for endpoint in graph.of(ENDPOINT):
        kinds = {option.get("type") for option in endpoint.get("authenticationOptions") or ()}
        if kinds != {"federated-authentication"}:
            yield Violation(endpoint, "must ask by federated-authentication only: a certificate is one factor")
        if endpoint.get("connectionLogOptions.enabled") is not True:
            yield Violation(endpoint, "must say connectionLogOptions.enabled: true")
        if endpoint.get("disconnectOnSessionTimeout") is not True:
            yield Violation(endpoint, "must say disconnectOnSessionTimeout: true")
    for allowed in graph.of(ALLOWED):
        if allowed.get("authorizeAllGroups") or not allowed.get("accessGroupId"):
            yield Violation(allowed, "must say accessGroupId: who may enter")


@rule(
    "Tunnels are strong, and their keys are nowhere but in Secrets Manager",
    pci("4.2.1"),
    pci("8.6.2"),
    gdpr("32(1)(a)"),
    kinds=(CONNECTION,),
)
def tunnels_are_strong(graph: Graph) -> Iterator[Violation]:
    """AWS offers IKEv1, SHA-1 and 1024 bits to whoever says nothing."""
    for connection in graph.of(CONNECTION):
        if connection.get("presharedKeyStorage") != "SecretsManager":
            yield Violation(connection, "must say presharedKeyStorage: SecretsManager")
        for tunnel in ("tunnel1", "tunnel2"):
            if connection.get(f"{tunnel}PresharedKey") is not None:
                yield Violation(connection, f"must not say {tunnel}PresharedKey")
            if connection.get(f"{tunnel}IkeVersions") != ["ikev2"]:
                yield Violation(connection, f"must say {tunnel}IkeVersions: [ikev2]")
            for phase in ("Phase1", "Phase2"):
                groups = connection.get(f"{tunnel}{phase}DhGroupNumbers")
                if not groups or min(groups) < WEAKEST_GROUP:
                    yield Violation(connection, f"must say {tunnel}{phase}DhGroupNumbers, {WEAKEST_GROUP} and above")
                ciphers = connection.get(f"{tunnel}{phase}EncryptionAlgorithms")
                if not ciphers or any(not cipher.startswith("AES256") for cipher in ciphers):
                    yield Violation(connection, f"must say {tunnel}{phase}EncryptionAlgorithms, AES256 only")
                hashes = connection.get(f"{tunnel}{phase}IntegrityAlgorithms")
                if not hashes or any(not name.startswith("SHA2-") for name in hashes):
                    yield Violation(connection, f"must say {tunnel}{phase}IntegrityAlgorithms, SHA2 only")
