"""What a partition of hosts takes from whom, and what each endpoint may answer then. The partitions themselves are
played by `scripts/faults --long`, which needs root."""

from __future__ import annotations

import pytest

from tests.laboratory.history import OK, UNAVAILABLE
from tests.laboratory.partitions import POSTGRES, REDIS, expected, partitions

BY_NAME = {partition.name: partition for partition in partitions()}


@pytest.mark.parametrize(
    ("name", "away"),
    [
        ("A (PostgreSQL) x B (Valkey)", ({REDIS}, {POSTGRES}, set())),
        ("B (Valkey) -> A (PostgreSQL) lost", ({REDIS}, {POSTGRES}, set())),
        ("A (PostgreSQL) x C (standby)", (set(), set(), {POSTGRES})),
        ("B (Valkey) x C (standby)", (set(), set(), {REDIS})),
        ("cable of A (PostgreSQL)", ({REDIS}, {POSTGRES}, {POSTGRES})),
        ("cable of B (Valkey)", ({REDIS}, {POSTGRES}, {REDIS})),
        ("cable of C (standby)", (set(), set(), {POSTGRES, REDIS})),
    ],
)
def test_whom_a_partition_takes_which_store_from(name: str, away: tuple[set[str], ...]) -> None:
    assert tuple(set(BY_NAME[name].away(replica)) for replica in (1, 2, 3)) == away


def test_every_link_is_broken_both_ways_and_each_way_alone() -> None:
    assert len(BY_NAME) == 12


@pytest.mark.parametrize(
    ("what", "away", "seconds", "answers"),
    [
        ("jwks", {POSTGRES, REDIS}, 50, {OK}),
        ("discovery", {POSTGRES, REDIS}, 50, {OK}),
        ("live", {POSTGRES, REDIS}, 50, {OK}),
        ("ready", {POSTGRES}, 50, {UNAVAILABLE}),
        ("ready", {REDIS}, 50, {OK}),
        ("refresh", {POSTGRES}, 5, {UNAVAILABLE}),
        ("refresh", {REDIS}, 5, {OK}),
        ("login", {POSTGRES}, 5, {UNAVAILABLE}),
        ("end", {POSTGRES}, 5, {UNAVAILABLE}),
        ("end", {REDIS}, 5, {OK}),
        ("sessions", {POSTGRES}, 5, {UNAVAILABLE}),
        ("introspect", {POSTGRES}, 20, {OK}),
        ("introspect", {POSTGRES}, 40, {UNAVAILABLE}),
        ("introspect", {POSTGRES, REDIS}, 20, {UNAVAILABLE}),
        ("introspect", {REDIS}, 40, {OK}),
        ("machine", {POSTGRES}, 20, {OK, UNAVAILABLE}),
        ("machine", {POSTGRES}, 70, {UNAVAILABLE}),
        ("refresh", {POSTGRES}, 1, {OK, UNAVAILABLE}),
        ("refresh", set(), 1, {OK}),
    ],
)
def test_what_the_table_says(what: str, away: set[str], seconds: float, answers: set[str]) -> None:
    assert expected(what, frozenset(away), seconds) == answers
