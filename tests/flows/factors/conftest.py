"""A person with an authenticator app for each test."""

from __future__ import annotations

from itertools import count

import pytest_asyncio

from tests.support.factors import App, app_of, person
from tests.support.service import Service

_numbers = count(1)


@pytest_asyncio.fixture
async def email() -> str:
    return f"factor{next(_numbers)}@example.com"


@pytest_asyncio.fixture
async def app(house: Service, email: str) -> App:
    """The app of the person `email`."""
    return await app_of(house, await person(house, email))
