"""What becomes of the database: a part of `authsvc doctor`."""

from __future__ import annotations

from datetime import timedelta

from authsvc.cli.console import duration
from authsvc.cli.doctor import Finding
from authsvc.rules.restore.position import lost_seconds
from authsvc.store.restore.life import Life


def judge_life(life: Life) -> Finding:
    """Whether replicas take it for a restored backup."""
    if life.suspected_of is None:
        return Finding("history", "ok", "nobody has seen it further on")
    lost = duration(timedelta(seconds=lost_seconds(life.suspected_of, life.position)))
    found = f"it went backwards, {lost} are lost: a backup was restored, and replicas serve nobody"
    return Finding("history", "FAIL", found, "authsvc restore fence --end-sessions (`authsvc restore fence --help`)")
