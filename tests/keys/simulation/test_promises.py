"""No valid token is ever refused, no withdrawn key believed for too long, and some key signs: whatever happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from authsvc.keys.simulation.run import TooLong, simulate
from authsvc.keys.simulation.scene import Scene
from authsvc.keys.simulation.violations import COUNTED
from tests.keys.simulation.scenes import BUILT_IN, BY_KEYS_ALONE, RESTORED, TIGHT, TWO_LINES, UNHEEDED


@pytest.mark.parametrize(
    ("scene", "rotations", "seed"),
    [
        pytest.param(BUILT_IN, 700, 1, id="the built-in policy"),
        pytest.param(TIGHT, 400, 2, id="nothing to spare"),
        pytest.param(RESTORED, 400, 3, id="restores, and nothing to spare"),
        pytest.param(BY_KEYS_ALONE, 300, 4, id="a replica that is cut off signs as long as its keys let it"),
        pytest.param(TWO_LINES, 200, 5, id="two algorithms"),
        pytest.param(UNHEEDED, 200, 12, id="a max-age that verifiers do not heed"),
        pytest.param(replace(BUILT_IN, replicas=1), 100, 6, id="one replica"),
    ],
)
def test_every_promise_is_kept(scene: Scene, rotations: int, seed: int) -> None:
    result = simulate(scene, rotations=rotations, seed=seed)
    assert result.violations == []
    assert result.rotations >= rotations
    assert result.verifications > 50 * rotations
    assert set(result.counted) <= set(COUNTED)


def test_faults_did_happen_and_are_not_hidden() -> None:
    result = simulate(RESTORED, rotations=300, seed=7)
    assert result.violations == []
    for name in ("no_signature", "issuer_away", "withdrawn_accepted", "refused_now"):
        assert result.counted[name] > 0, name
    assert result.counted["no_signature"] < result.signatures / 10
    assert result.counted["issuer_away"] < result.verifications / 10


def test_the_same_seed_is_the_same_world_and_another_seed_another() -> None:
    first, again, other = (simulate(BUILT_IN, rotations=30, seed=seed) for seed in (8, 8, 9))
    assert first == again
    assert first != other


def test_it_tells_how_far_it_is() -> None:
    seen: list[int] = []
    simulate(BUILT_IN, rotations=20, seed=10, told=seen.append)
    assert seen == sorted(set(seen))
    assert seen[-1] >= 20


def test_more_than_the_calendar_holds_is_refused_beforehand() -> None:
    slow = Scene(replace(BUILT_IN.life, sign=timedelta(days=3650)), BUILT_IN.around)
    with pytest.raises(TooLong) as refused:
        simulate(slow, rotations=10_000, seed=1)
    assert refused.value.most == 990
