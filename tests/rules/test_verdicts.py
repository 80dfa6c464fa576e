"""What is said of a refresh token, a code or a poll: the same word in the rule's table, the log and the papers."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from types import ModuleType

import pytest

from authsvc.rules.authorize import redemption
from authsvc.rules.authorize.redemption import RedemptionVerdict
from authsvc.rules.device import polling
from authsvc.rules.device.polling import PollVerdict
from authsvc.rules.token import refresh_rotation
from authsvc.rules.token.refresh_rotation import RefreshVerdict

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("rule", "verdicts"),
    [(refresh_rotation, RefreshVerdict), (redemption, RedemptionVerdict), (polling, PollVerdict)],
)
def test_the_table_of_a_rule_names_every_verdict(rule: ModuleType, verdicts: type[StrEnum]) -> None:
    assert rule.__doc__
    header, *lines = [line for line in rule.__doc__.splitlines() if line.startswith("    ")]
    assert {line[header.index("verdict") :].split()[0] for line in lines} == set(verdicts)


@pytest.mark.parametrize(
    ("verdicts", "prefix", "others"),
    [
        (
            RefreshVerdict,
            "refresh",
            {
                "reuse": "refresh_token_reuse",
                "role_missing": "role_missing",
                "wider_scope": "scope_wider_than_granted",
                "forged": "refresh_token_forged_or_foreign",
            },
        ),
        (RedemptionVerdict, "code", {"target": "resource_not_granted", "role_missing": "role_missing"}),
        (PollVerdict, "device", {"forged": "device_code_forged_or_foreign"}),
    ],
)
def test_the_log_says_the_verdict(
    verdicts: type[RefreshVerdict | RedemptionVerdict | PollVerdict], prefix: str, others: dict[str, str]
) -> None:
    assert {one: one.reason for one in verdicts} == {one: f"{prefix}_{one}" for one in verdicts} | others


def test_the_verdicts_that_papers_name_are_said() -> None:
    papers = [*ROOT.glob("*.md"), *ROOT.glob("*.yaml"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")]
    named = {
        verdict
        for path in papers
        for verdict in re.findall(r'authsvc_refresh(?:_total)?\{verdict="(\w+)"', path.read_text())
    }
    assert RefreshVerdict.REUSE in named
    assert named <= set(RefreshVerdict)
