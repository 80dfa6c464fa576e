"""The three whole examples of deploy/helm/examples, rendered once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.judges import Rendered, dismiss, example, render


@pytest.fixture(scope="session", autouse=True)
def engine() -> Iterator[None]:
    yield
    dismiss()


@pytest.fixture(scope="session")
def small() -> Rendered:
    return render(example("small"))


@pytest.fixture(scope="session")
def production() -> Rendered:
    return render(example("production"))


@pytest.fixture(scope="session")
def bundled() -> Rendered:
    return render(example("bundled"))


@pytest.fixture(scope="session", params=["small", "production", "bundled"])
def rendered(request: pytest.FixtureRequest) -> Rendered:
    """Each of them."""
    found: Rendered = request.getfixturevalue(request.param)
    return found
