"""One service for each module; a test that needs a browser of its own takes `house.caller()`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from authsvc_devkit.servers import Servers
from tests.conftest import copied_database
from tests.flows.token.refresh.wire import Wire
from tests.support.service import Service, service


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def module_database_url(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[str]:
    """One copy of the template for the tests of a module, each of which brings sessions of its own."""
    async with copied_database(servers) as url:
        yield url


@pytest.fixture
async def wire(servers: Servers) -> AsyncIterator[Wire]:
    async with Wire(servers.postgres.socket_path) as counting:
        yield counting
