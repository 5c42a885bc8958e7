"""Rules for what AWS runs for us, and for being told when it does not."""

from __future__ import annotations

from collections.abc import Iterator

from herold_policies.graph import Graph
from herold_policies.rule import Violation, fsbp, pci, rule

FUNCTION = "lambda/function:Function"
SCHEDULE = "scheduler/schedule:Schedule"
ALARM = "cloudwatch/metricAlarm:MetricAlarm"
# Those that AWS still mends.
RUNTIMES = ("python3.12", "python3.13", "python3.14")
MOST_SECONDS = 60


@rule(
    "A function has bounds, an end for what fails, a log and a runtime that is still mended",
    pci("6.3.3"),
    fsbp("Lambda.2"),
    kinds=(FUNCTION,),
)
def functions_are_bounded(graph: Graph) -> Iterator[Violation]:
    """A function that could run for ever, as often as it likes, or fail in silence."""
    for node in graph.of(FUNCTION):
        if node.get("runtime") not in RUNTIMES:
            yield Violation(node, f"must say its runtime, one of {', '.join(RUNTIMES)}")
        seconds = node.get("timeout")
        if not isinstance(seconds, int) or seconds > MOST_SECONDS:
            yield Violation(node, f"must say timeout, {MOST_SECONDS} at most")
        for path in (
            "reservedConcurrentExecutions",
            "deadLetterConfig.targetArn",
            "kmsKeyArn",
            "loggingConfig.logGroup",
        ):
            if node.get(path) is None:
                yield Violation(node, f"must say {path}")


@rule("What is scheduled and could not be done is kept", pci("10.7.2"), kinds=(SCHEDULE,))
def schedules_lose_nothing(graph: Graph) -> Iterator[Violation]:
    """A schedule that drops what failed, or tries it for a day."""
    for node in graph.of(SCHEDULE):
        for path in ("target.deadLetterConfig.arn", "target.retryPolicy", "kmsKeyArn"):
            if node.get(path) is None:
                yield Violation(node, f"must say {path}")


@rule("Silence is an alarm, and an alarm reaches somebody", pci("10.7.2"), fsbp("CloudWatch.15"), kinds=(ALARM,))
def silence_is_an_alarm(graph: Graph) -> Iterator[Violation]:
    """An alarm that takes a missing metric for a good one, or tells nobody."""
    for node in graph.of(ALARM):
        if node.get("treatMissingData") != "breaching":
            yield Violation(node, "must say treatMissingData: breaching")
        if not node.get("alarmActions"):
            yield Violation(node, "must say alarmActions")
