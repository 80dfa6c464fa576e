"""Promises of promptness, on a machine that may be busy with something else.

A call of `prompt` or `none_turned_away` that fails is no verdict yet: marked `again_when_busy`, the test is run again,
up to three times. Whatever else fails in it fails at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


class Busy(AssertionError):
    """Too slow, or turned away with a 503: ours every time, or the machine's this time."""


again_when_busy = pytest.mark.flaky(reruns=3, reruns_delay=1, only_rerun=Busy)


def prompt(is_so: bool, what: object = None) -> None:
    if not is_so:
        raise Busy(what)


def none_turned_away(answers: Iterable[Any]) -> None:
    turned = sum(answer.status_code == 503 for answer in answers)
    prompt(not turned, f"{turned} answers are 503")
