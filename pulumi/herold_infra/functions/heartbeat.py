"""Runs in AWS Lambda, outside of the cluster: asks the edge whether it answers, and says so as a metric in its log.

When this falls silent the metric is missing, and that is an alarm as well. It needs no permission but to write its log.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.request

SECONDS = 5.0
NAMESPACE = "Herold"


def handler(event: object, context: object) -> dict[str, bool]:
    """The entry of AWS Lambda. `HEROLD_URL` is asked; `HEROLD_ENVIRONMENT` is the metric's dimension."""
    alive = is_alive(os.environ["HEROLD_URL"])
    print(json.dumps(build_metric(alive, os.environ["HEROLD_ENVIRONMENT"], time.time())))
    return {"alive": alive}


def is_alive(url: str) -> bool:
    """Whether the address answers 200 in time."""
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise ValueError(f"must be asked by HTTPS: {url}")
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - the scheme is checked above
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def build_metric(alive: bool, environment: str, now: float) -> dict[str, object]:
    """A line in CloudWatch's embedded metric format; `now` in seconds."""
    metric = {"Namespace": NAMESPACE, "Dimensions": [["environment"]], "Metrics": [{"Name": "alive", "Unit": "Count"}]}
    return {
        "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [metric]},
        "environment": environment,
        "alive": int(alive),
    }
