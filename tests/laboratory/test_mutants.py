"""The mutants by which the laboratory is judged can still be made."""

from __future__ import annotations

import pytest

from authsvc.store.token import grants
from tests.laboratory import mutants


@pytest.mark.parametrize("name", mutants.STATEMENT)
def test_each_mutant_of_the_rotation_applies(name: str) -> None:
    assert mutants.STATEMENT[name].of(grants.REFRESH) != grants.REFRESH


@pytest.mark.parametrize("mutant", mutants.TRIGGERS, ids=lambda mutant: mutant.name)
def test_each_mutant_of_a_trigger_applies(mutant: mutants.Mutant) -> None:
    function = mutants.source_of(mutant.function)
    assert mutant.of(function) != function


@pytest.mark.parametrize("name", mutants.ONLY)
def test_each_narrowed_mutant_is_one(name: str) -> None:
    assert name in mutants.names()
