"""Which database is a former state of one that was seen, and which is not: FAULTS rows 22 and 4."""

from __future__ import annotations

from dataclasses import replace

import pytest

from authsvc.rules.restore.position import (
    LOST_TAIL_SECONDS,
    Position,
    Verdict,
    judge_position,
    lost_seconds,
    to_remember,
)

SEEN = Position("i", "7.2", fence=5, lsn=1000, beat=10_000.0, resumed=4_000.0, revocations=70)
UNTOLD = replace(SEEN, database="started.1", lsn=None)
ONWARD, MOVED, BACK = Verdict.ONWARD, Verdict.MOVED, Verdict.BACK


@pytest.mark.parametrize(
    ("seen", "now", "verdict"),
    [
        pytest.param(None, SEEN, ONWARD, id="nobody saw anything"),
        pytest.param(SEEN, SEEN, ONWARD, id="nothing happened"),
        pytest.param(SEEN, replace(SEEN, lsn=1001), ONWARD, id="the log grew"),
        pytest.param(SEEN, replace(SEEN, lsn=999), BACK, id="a copy of the files, started"),
        pytest.param(SEEN, replace(SEEN, lsn=None), ONWARD, id="it does not tell, for once"),
        pytest.param(SEEN, replace(SEEN, lsn=1001, revocations=60), ONWARD, id="a crash of asynchronous commits"),
        pytest.param(SEEN, replace(SEEN, lsn=2000, beat=9_995.0), BACK, id="a dump loaded in place"),
        pytest.param(SEEN, replace(SEEN, lsn=None, beat=9_995.0), ONWARD, id="a standby"),
        pytest.param(UNTOLD, replace(UNTOLD, beat=9_995.0), BACK, id="a dump loaded where no more is told"),
        pytest.param(SEEN, replace(SEEN, instance="j", lsn=1), ONWARD, id="another installation"),
        pytest.param(SEEN, replace(SEEN, fence=6, lsn=1), ONWARD, id="the operator has decided"),
        pytest.param(SEEN, replace(SEEN, fence=4, lsn=2000), BACK, id="a backup from before the decision"),
        pytest.param(SEEN, replace(SEEN, database="7.3", resumed=10_000.0), MOVED, id="a failover that lost nothing"),
        pytest.param(SEEN, replace(SEEN, database="7.3", resumed=9_990.0, lsn=900), MOVED, id="one that lost its tail"),
        pytest.param(SEEN, replace(SEEN, database="7.3", resumed=10_000.0 - LOST_TAIL_SECONDS - 1), BACK, id="PITR"),
        pytest.param(SEEN, replace(SEEN, database="7.1", resumed=10_000.0), BACK, id="a timeline of before"),
        pytest.param(SEEN, replace(SEEN, database="8.1", resumed=10_000.0, lsn=1), MOVED, id="dumped, and loaded"),
        pytest.param(SEEN, replace(SEEN, database="8.1", resumed=9_995.0), BACK, id="dumped while replicas ran"),
        pytest.param(
            SEEN, replace(SEEN, database="8.1", resumed=10_000.0, revocations=69), BACK, id="dumped before a revocation"
        ),
        pytest.param(UNTOLD, replace(UNTOLD, database="started.2", resumed=10_000.0), MOVED, id="a start"),
        pytest.param(UNTOLD, replace(UNTOLD, database="started.2", resumed=9_000.0), BACK, id="an old start"),
        pytest.param(UNTOLD, replace(SEEN, resumed=10_000.0), MOVED, id="rights were given back"),
    ],
)
def test_a_former_state_is_told_from_a_failover(seen: Position | None, now: Position, verdict: Verdict) -> None:
    assert judge_position(seen, now) is verdict


def test_what_was_lost_is_counted_from_the_last_beat() -> None:
    assert lost_seconds(SEEN, replace(SEEN, beat=9_000.0)) == 1_000
    assert lost_seconds(SEEN, replace(SEEN, database="7.3", beat=10_005.0, resumed=9_990.0)) == 10
    assert lost_seconds(SEEN, replace(SEEN, beat=10_001.0)) == 0


def test_a_beat_is_remembered_when_no_crash_can_take_it_back() -> None:
    young = replace(SEEN, beat=10_005.0)
    assert to_remember(young, 10_007.0, SEEN, None) == SEEN
    assert to_remember(young, 10_008.0, SEEN, None) == young
    assert to_remember(young, 10_006.0).beat == 0
    assert to_remember(young, 10_006.0, replace(SEEN, fence=4)).beat == 0, "what was seen before a decision is over"
