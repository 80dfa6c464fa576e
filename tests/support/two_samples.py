"""Whether two samples come of one distribution: p-values, asymptotic, for some tens of values and more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby


def kolmogorov_smirnov(first: Sequence[float], second: Sequence[float]) -> float:
    """The two-sample test: any difference of two distributions."""
    first, second = sorted(first), sorted(second)
    i = j = 0
    distance = 0.0
    while i < len(first) and j < len(second):
        if first[i] <= second[j]:
            i += 1
        else:
            j += 1
        distance = max(distance, abs(i / len(first) - j / len(second)))
    root = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    x = (root + 0.12 + 0.11 / root) * distance
    return max(0.0, min(1.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * x) ** 2) for k in range(1, 101))))


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> float:
    """The rank-sum test, two-sided: one of them tends to be larger."""
    n, m = len(first), len(second)
    ranks, ties = _ranks([*first, *second])
    u = sum(ranks[:n]) - n * (n + 1) / 2
    spread = math.sqrt(n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1))))
    return 1.0 if spread == 0 else math.erfc(abs(u - n * m / 2) / spread / math.sqrt(2))


def signed_ranks(first: Sequence[float], second: Sequence[float]) -> float:
    """Wilcoxon's test of pairs, two-sided: within a pair one of them tends to be larger. What troubles both of a pair,
    as a busy machine does, is out of it."""
    differences = [a - b for a, b in zip(first, second, strict=True) if a != b]
    n = len(differences)
    ranks, ties = _ranks([abs(difference) for difference in differences])
    w = sum(rank for rank, difference in zip(ranks, differences, strict=True) if difference > 0)
    spread = math.sqrt(n * (n + 1) * (2 * n + 1) / 24 - ties / 48)
    return 1.0 if spread == 0 else math.erfc(abs(w - n * (n + 1) / 4) / spread / math.sqrt(2))


def _ranks(values: Sequence[float]) -> tuple[list[float], float]:
    """The rank of each value, those of equal ones shared; and how much is tied."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    ties, place = 0.0, 0
    for _, group in groupby(order, key=values.__getitem__):
        equal = list(group)
        for index in equal:
            ranks[index] = place + (len(equal) + 1) / 2
        ties += len(equal) ** 3 - len(equal)
        place += len(equal)
    return ranks, ties
