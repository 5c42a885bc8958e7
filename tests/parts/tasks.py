"""A task of the ledger as the operator sees it, for tests of what it makes of one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from herold_operator.tasks import TaskView
from parts.campaigns import TEAM

REQUESTED = datetime(2026, 1, 1, tzinfo=UTC)


def task_view(**fields: Any) -> TaskView:
    """Number 7, that nobody has begun yet; `fields` instead of those of it."""
    known: dict[str, Any] = {
        **{"id": 7, "kind": "Build", "namespace": TEAM, "name": "hello", "occurrence": 1, "digest": "d", "turn": 1},
        **{"suspended": False, "requested_by": "herold-operator", "requested_at": REQUESTED, "started_at": None},
        **{"finished_at": None, "outcome": None},
    }
    return TaskView(**{**known, **fields})
