"""`kubectl campaign hold`: nothing more goes out, whatever else is down."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import click

from herold.cli.command import command
from herold_kubectl.options import as_output, open_cluster, with_cluster, with_name

if TYPE_CHECKING:
    from herold_kubectl.cluster import Cluster

# By then the operator has said that it holds, or something is wrong with it.
OPERATOR_SECONDS = 2.0
# By then somebody has, or we say that nobody did.
ANYBODY_SECONDS = 6.0
_LOOK_SECONDS = 0.1


@command("hold", 'kubectl campaign hold spring-sale -n campaigns-shop --reason "wrong price"')
@with_name()
@with_cluster
@click.option("--reason", required=True, help="Why; shown to whoever finds the hold.")
@as_output("table", "json")
def hold(
    name: str, namespace: str | None, context: str | None, kubeconfig: str | None, reason: str, format_: str
) -> None:
    """Hold a campaign until it is released.

    Writes the annotation herold.dev/hold, which no sync of Git undoes, and says when it holds: the operator and the
    read service both put the hold into the ledger, whichever is first. Exit code 5 when neither has confirmed; it may
    go on then.
    """
    from herold.cli.output import note, print_json

    if not reason.strip():
        raise click.BadParameter("say why", param_hint="--reason")
    cluster, where = open_cluster(kubeconfig, context, namespace)
    brake = _Brake(cluster, where, name, reason)
    brake.pull()
    if format_ == "table":
        click.echo(brake.sentence())
    brake.wait_for_operator()
    if format_ == "json":
        print_json(brake.to_json())
    elif not brake.operator_confirmed:
        note(
            f"the operator has not confirmed in {OPERATOR_SECONDS:.0f} s: the read service put the hold into "
            "the ledger; see: kubectl get lease,pods -n herold-platform"
        )


@dataclass(slots=True)
class _Brake:
    cluster: Cluster
    namespace: str
    name: str
    reason: str
    campaign: dict[str, Any] = field(default_factory=dict)
    before: Any = None
    over: bool = False
    began: float = 0.0
    seconds: float = 0.0
    at: datetime | None = None
    by: Literal["operator", "readService"] | None = None
    hold: int | None = None
    operator_confirmed: bool = True

    def pull(self) -> None:
        """Annotate, and wait until somebody says that it holds. Raises Temporary when nobody does."""
        from herold.errors import HeroldError, Temporary
        from herold_kubectl.confirming import is_over
        from herold_operator.annotations import HOLD_ANNOTATION

        self.began = time.monotonic()
        self.campaign = self.cluster.annotate(self.namespace, self.name, {HOLD_ANNOTATION: self.reason})
        if is_over(self.campaign):
            self.over = True
            return
        # A status that said so before may be older than what is true: only a new one confirms.
        self.before = self.campaign.get("status")
        trouble: HeroldError | None = None
        asked: Future[dict[str, Any]] | None = self._ask_reader()
        while time.monotonic() < self.began + ANYBODY_SECONDS:
            if asked is not None and asked.done():
                try:
                    self._held("readService", asked.result()["hold"])
                except HeroldError as error:
                    trouble, asked = error, None
                else:
                    self.operator_confirmed = False
                    return
            if self._operator_says_so():
                self._held("operator", None)
                return
            time.sleep(_LOOK_SECONDS)
        raise Temporary(
            f"{self.namespace}/{self.name} is annotated, but nobody has confirmed in {ANYBODY_SECONDS:.0f} s that it "
            f"is held: the operator is silent, and the read service: {trouble.message if trouble else 'silent'}",
            hint=f"it may go on. In a pod that has the ledger's address: "
            f"herold hold campaign {self.namespace}/{self.name}",
        )

    def wait_for_operator(self) -> None:
        """It is held. Whether the operator says so too, soon."""
        while not self.operator_confirmed and time.monotonic() < self.began + OPERATOR_SECONDS:
            self.operator_confirmed = self._operator_says_so()
            time.sleep(_LOOK_SECONDS)

    def _operator_says_so(self) -> bool:
        from herold.errors import Temporary
        from herold_kubectl.confirming import is_held

        try:
            seen = self.cluster.campaign(self.namespace, self.name, seconds=1.0)
        except Temporary:
            return False
        if not is_held(seen, self.reason) or seen.get("status") == self.before:
            return False
        self.campaign = seen
        return True

    def _ask_reader(self) -> Future[dict[str, Any]]:
        """Beside the operator, in a thread that the end of the command does not wait for."""
        from herold.errors import HeroldError
        from herold_kubectl.reading import ask_reader
        from herold_reader.protocol import Ask

        answer: Future[dict[str, Any]] = Future()

        def ask() -> None:
            try:
                place = (self.cluster, Ask.HOLD, self.namespace, self.name)
                answer.set_result(ask_reader(*place, body={}, seconds=ANYBODY_SECONDS))
            except HeroldError as error:
                answer.set_exception(error)
            except Exception as error:
                answer.set_exception(HeroldError(f"internal error: {type(error).__name__}"))

        threading.Thread(target=ask, daemon=True).start()
        return answer

    def _held(self, by: Literal["operator", "readService"], hold: int | None) -> None:
        self.by, self.hold, self.at = by, hold, datetime.now(UTC)
        self.seconds = time.monotonic() - self.began

    def sentence(self) -> str:
        """What is true now, in one line."""
        from herold_kubectl.confirming import counted, status_of

        what = f"{self.namespace}/{self.name}"
        if self.over:
            state = status_of(self.campaign).get("state")
            return f"{what}: annotated. It is over ({state}), nothing of it goes out any more"
        counts = counted(self.campaign)
        return f"{what} is held: {self.seconds:.1f} s" + (f"; last count: {counts}" if counts else "")

    def to_json(self) -> dict[str, Any]:
        """As `-o json` prints it. `askedTime` and `heldTime` are of this machine's clock."""
        from herold_kubectl.confirming import status_of

        status = status_of(self.campaign)
        return {
            "campaign": f"{self.namespace}/{self.name}",
            "held": self.by is not None,
            "by": self.by,
            "hold": self.hold,
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
            "askedTime": self.at - timedelta(seconds=self.seconds) if self.at else None,
            "heldTime": self.at,
            "operatorConfirmed": self.operator_confirmed,
            "state": status.get("state"),
            "counts": status.get("counts"),
        }
