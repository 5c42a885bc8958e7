"""What an environment costs: a budget that warns before it is spent, and a watch for what nobody expected.

An environment is an account of its own, so both look at the account: also at what has no tags, or is somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import budgets, costexplorer
from pydantic import Field

from herold_infra.aws.place import Data, Place
from herold_infra.component import Component
from herold_infra.settings import Settings

# Per cent of the month's limit: of what was spent, and of what will be if it goes on like this.
WARNINGS = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))


class SpendingSettings(Settings):
    """US dollars: of a month, and above which a day that is out of the ordinary is told.

    `monitor`: the ARN of the monitor of services that the account has already. There can be one only, and AWS makes it
    by itself where somebody has opened its cost pages.
    """

    monthly_usd: int = Field(ge=1)
    unusual_usd: int = Field(ge=1)
    monitor: str | None = Field(default=None, pattern="^arn:aws:ce::[0-9]{12}:anomalymonitor/.+$")


@dataclass(frozen=True)
class SpendingArgs:
    """`alarm_topic`: the ARN of the topic that warnings go to."""

    place: Place
    settings: SpendingSettings
    alarm_topic: pulumi.Output[str]


class Spending(Component):
    """Output: `budget_arn`."""

    def __init__(self, args: SpendingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Spending", args.place.logical("spending"), opts)
        self._args, self._place = args, args.place
        self._tags = args.place.tags("spending", Data.OPERATIONAL)
        self.budget_arn = self._make_budget().arn
        self._watch()
        self.register_outputs({"budgetArn": self.budget_arn})

    def _make_budget(self) -> budgets.Budget:
        args, place = self._args, self._place
        return budgets.Budget(
            place.logical("spending"),
            name=place.name("month"),
            account_id=place.account,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(args.settings.monthly_usd),
            limit_unit="USD",
            notifications=[
                {
                    "notification_type": kind,
                    "comparison_operator": "GREATER_THAN",
                    "threshold": per_cent,
                    "threshold_type": "PERCENTAGE",
                    "subscriber_sns_topic_arns": [args.alarm_topic],
                }
                for kind, per_cent in WARNINGS
            ],
            tags=self._tags,
            opts=self.inside(),
        )

    def _find_monitor(self) -> pulumi.Input[str]:
        if self._args.settings.monitor:
            return self._args.settings.monitor
        return costexplorer.AnomalyMonitor(
            self._place.logical("spending"),
            name=self._place.name("services"),
            monitor_type="DIMENSIONAL",
            monitor_dimension="SERVICE",
            tags=self._tags,
            opts=self.inside(),
        ).arn

    def _watch(self) -> None:
        args, place = self._args, self._place
        costexplorer.AnomalySubscription(
            place.logical("spending"),
            name=place.name("unusual"),
            account_id=place.account,
            # A topic is told at once or not at all; mails could wait for a day.
            frequency="IMMEDIATE",
            monitor_arn_lists=[self._find_monitor()],
            subscribers=[{"type": "SNS", "address": args.alarm_topic}],
            threshold_expression={
                "dimension": {
                    "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                    "match_options": ["GREATER_THAN_OR_EQUAL"],
                    "values": [str(args.settings.unusual_usd)],
                }
            },
            tags=self._tags,
            opts=self.inside(),
        )
