from __future__ import annotations

from collections.abc import Iterator

import pytest

from fake_issuer import FakeIssuer


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    with FakeIssuer() as running:
        yield running
