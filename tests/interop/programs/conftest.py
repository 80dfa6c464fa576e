"""Where environments of programs are kept: without AUTHSVC_TEST_PROGRAMS none is made, and none of them is tried."""

from __future__ import annotations

import pytest

from tests.interop.programs.workshop import VARIABLE, Workshop


@pytest.fixture(scope="session")
def workshop() -> Workshop:
    found = Workshop.named()
    if found is None:
        pytest.skip(f"{VARIABLE} names no directory: scripts/interop runs these programs")
    return found
