"""Every line that the operator logs: what it says. docs/reference/logs.md has them."""

from __future__ import annotations

from collections.abc import Mapping

LINES: Mapping[str, str] = {
    "started": "The replica is up and asks for the Lease.",
    "leading": "It holds the Lease, and works.",
    "leadership_lost": "The Lease could not be renewed in time: the process ends at once, another replica leads.",
    "lease_not_asked": "The API did not answer when the Lease was asked for; it is asked again.",
    "lease_not_released": "The Lease could not be given back; the other replica begins when it runs out.",
    "stopped": "It ended as it should.",
    "ended": "It ended for the reason given.",
    "list_failed": "A list of resources failed; it is asked again.",
    "api_went_back": "The API server knows less than was seen of it (a restored etcd): everything is looked at anew.",
    "changed_meanwhile": "The resource changed during a visit; it is visited again (debug).",
    "reconcile_failed": "A visit failed for the reason given; it is tried again, later each time.",
    "reconcile_broke": "A visit failed in a way that nobody foresaw: a defect, please report `error` and `where`.",
    "run_started": "The audience of a campaign is frozen.",
    "job_made": "The Job that builds an audience was applied.",
    "job_refused": "The API server refused that Job; the condition Degraded says why, and it is made again.",
    "task_withdrawn": "A build or a pre-flight that nobody wants any more was taken back before it ended.",
    "start_approved": "The audience of a campaign that takes a second person was asked for; `approval` let it.",
    "kind_missing": "The API server does not have a kind (its CRD comes first): the operator goes on without it.",
    "kind_came": "The API server has a kind that it did not have: the process ends, and a new one watches it.",
    "threshold": "From now on a campaign for more people than `above` takes a second person.",
    "start_refused": "The ledger refused to start a run; the condition Degraded says why.",
    "brakes": "Holds were put on or taken off, or a run was suspended or resumed.",
    "campaign_vanished": "A campaign with an open run was deleted: the run pauses. `error`: many at once.",
    "workers": "The number of a sender's workers was changed.",
    "ledger_is_away": "The ledger does not answer; it is asked again every tick.",
    "ledger_is_back": "It answers again, after so many seconds.",
    "ledger_regressed": "The ledger knows less than a status: all sending has stopped.",
    "event_waits": "A Kubernetes Event could not be posted; it is tried again (debug).",
    "event_not_posted": "A Kubernetes Event was given up.",
    "library": "A warning of a library.",
}
