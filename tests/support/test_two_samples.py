"""The measures of two samples tell what they shall tell, and no more."""

from __future__ import annotations

import random

import pytest

from tests.support.two_samples import kolmogorov_smirnov, mann_whitney, signed_ranks

MEASURES = (kolmogorov_smirnov, mann_whitney, signed_ranks)


def drawn(dice: random.Random, mean: float, count: int = 400) -> list[float]:
    return [dice.gauss(mean, 0.15) for _ in range(count)]


@pytest.mark.parametrize("measure", MEASURES)
def test_a_tenth_of_a_millisecond_is_told(measure: object) -> None:
    assert callable(measure)
    dice = random.Random(1)
    one = drawn(dice, 1.5)
    assert measure(one, drawn(dice, 1.5)) > 0.05
    assert measure(one, drawn(dice, 1.6)) < 0.001


@pytest.mark.parametrize("measure", MEASURES)
def test_one_distribution_is_accused_as_often_as_p_says(measure: object) -> None:
    assert callable(measure)
    dice = random.Random(2)
    accused = sum(measure(drawn(dice, 1.5, 60), drawn(dice, 1.5, 60)) < 0.05 for _ in range(400))
    assert 6 <= accused <= 34


def test_equal_values_are_no_difference() -> None:
    same = [1.0] * 50
    assert mann_whitney(same, same) == signed_ranks(same, same) == 1.0


def test_pairs_tell_what_a_busy_machine_hides() -> None:
    dice = random.Random(3)
    load = [dice.uniform(0, 50) for _ in range(400)]
    one, other = ([seconds + dice.gauss(mean, 0.15) for seconds in load] for mean in (1.5, 1.6))
    assert kolmogorov_smirnov(one, other) > 0.05
    assert signed_ranks(one, other) < 0.001
