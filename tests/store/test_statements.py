"""A rule and the statement that carries it out know each other: the same words, and each number in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Set
from enum import StrEnum
from pathlib import Path
from types import ModuleType

import pytest

from authsvc.rules.authorize import redemption
from authsvc.rules.device import polling
from authsvc.rules.token import refresh_rotation
from authsvc.store.authorize import codes
from authsvc.store.device import requests
from authsvc.store.token import grants
from tests.support.twins import WITHOUT_A_ROW

RULES = [
    pytest.param(grants, "REFRESH", refresh_rotation.RefreshVerdict, WITHOUT_A_ROW, id="refresh"),
    pytest.param(codes, "REDEEM", redemption.RedemptionVerdict, WITHOUT_A_ROW, id="redemption"),
    pytest.param(requests, "POLL", polling.PollVerdict, WITHOUT_A_ROW, id="poll"),
]
STATEMENTS = [pytest.param(*rule.values[:2], id=rule.id) for rule in RULES]


def written(module: ModuleType, name: str) -> str:
    """The text of a statement as it stands in the file: what is filled in from elsewhere is left out."""
    assert module.__file__
    for node in ast.parse(Path(module.__file__).read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            texts = [part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)]
            return "".join(text for text in texts if isinstance(text, str))
    raise AssertionError(name)


def numbers(sql: str) -> set[str]:
    """The numbers of a text, but for places of parameters and names of types."""
    return set(re.findall(r"(?<![$\w.])\d[\d.]*", sql))


@pytest.mark.parametrize(("module", "name"), STATEMENTS)
def test_the_numbers_of_a_rule_stand_in_the_rule_alone(module: ModuleType, name: str) -> None:
    assert numbers(written(module, name)) <= {"0", "1"}


def test_a_number_would_be_found() -> None:
    assert numbers("$12::int8 < 256 AND a IN (2, 3) OR interval '0.5 s'") == {"256", "2", "3", "0.5"}


@pytest.mark.parametrize(("module", "name", "verdicts", "without_a_row"), RULES)
def test_a_statement_says_every_verdict_of_its_rule_and_no_other(
    module: ModuleType, name: str, verdicts: type[StrEnum], without_a_row: Set[StrEnum]
) -> None:
    sql = getattr(module, name)
    said = set(re.findall(r"(?:THEN|ELSE)\s+'(\w+)'", sql))
    assert said == set(verdicts) - without_a_row
    asked = re.findall(r"verdict\s+(?:=|<>|IN)\s+\(?('\w+'(?:, '\w+')*)", sql)
    assert asked
    assert set(re.findall(r"\w+", " ".join(asked))) <= said
