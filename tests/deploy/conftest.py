"""The three whole examples of deploy/helm/examples, rendered once; and a place for the files of a proxy."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.judges import Rendered, dismiss, example, render


@pytest.fixture(scope="session", autouse=True)
def engine() -> Iterator[None]:
    yield
    dismiss()


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Where nginx's workers, which are nobody, may look."""
    with tempfile.TemporaryDirectory(prefix="authsvc-proxies-", dir="/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


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
