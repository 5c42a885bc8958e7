"""The ledger's PostgreSQL, as `make up` reaches it: by its Service, and by psql in the pod that takes writes."""

from __future__ import annotations

from dataclasses import dataclass

from local.cluster.kubectl import Kubectl
from local.cluster.layout import DATA_NAMESPACE, PLATFORM_NAMESPACE
from local.command import CommandFailed

from herold.errors import Temporary


@dataclass(frozen=True)
class Database:
    """The Service `postgres` of a namespace. `replicated`: Patroni says who takes writes; else it is `postgres-0`."""

    namespace: str
    replicated: bool

    @property
    def host(self) -> str:
        """The Service's name within the cluster."""
        return f"postgres.{self.namespace}.svc.cluster.local"

    def leader(self, kubectl: Kubectl) -> str:
        """The pod that takes writes, "" while there is none."""
        if not self.replicated:
            return "postgres-0"
        return self._kept(kubectl, "postgres", "leader")

    def standby(self, kubectl: Kubectl) -> str:
        """The member that has everything that was acknowledged, "" while there is none."""
        return self._kept(kubectl, "postgres-sync", "sync_standby")

    def _kept(self, kubectl: Kubectl, name: str, key: str) -> str:
        # What Patroni keeps in annotations of endpoints: https://patroni.readthedocs.io/en/latest/kubernetes.html
        found = kubectl.get("endpoints", name, "-n", self.namespace)
        annotations = found["metadata"].get("annotations") or {} if found else {}
        return str(annotations.get(key) or "")

    def answers(self, kubectl: Kubectl) -> bool:
        """Whether it takes writes: asked itself, for after a restart etcd still says Ready from the last time."""
        try:
            return self.query(kubectl, "SELECT pg_is_in_recovery()") == "f"
        except (CommandFailed, Temporary):
            return False

    def query(self, kubectl: Kubectl, statement: str) -> str:
        """The answer of one statement, as its administrator. Raises CommandFailed, Temporary."""
        return self._psql(kubectl, "-At", "-c", statement).strip()

    def run(self, kubectl: Kubectl, script: str) -> None:
        """SQL by standard input, as its administrator; it stops at the first error. Raises CommandFailed, Temporary."""
        self._psql(kubectl, "-f", "-", given=script)

    def _psql(self, kubectl: Kubectl, *words: str, given: str | None = None) -> str:
        pod = self.leader(kubectl)
        if not pod:
            raise Temporary(
                f"nobody leads PostgreSQL in {self.namespace}", hint=f"kubectl get pods,endpoints -n {self.namespace}"
            )
        where = ("exec", "-i", "-n", self.namespace, pod, "-c", "postgres", "--")
        psql = ("psql", "-h", "/tmp", "-U", "postgres", "-q", "-v", "ON_ERROR_STOP=1")  # noqa: S108 -- in the pod
        return kubectl(*where, *psql, *words, given=given)


OWN = Database(DATA_NAMESPACE, replicated=True)
FOREIGN = Database(PLATFORM_NAMESPACE, replicated=False)
