"""Where environments of programs are kept: without AUTHSVC_TEST_PROGRAMS none is made, and none of them is tried."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.interop.programs.workshop import VARIABLE, Workshop


@pytest.fixture(scope="session")
def workshop() -> Workshop:
    place = os.environ.get(VARIABLE)
    if not place:
        pytest.skip(f"{VARIABLE} names no directory: scripts/interop runs these programs")
    return Workshop(Path(place).resolve())
