"""What counts against a limit, and what gives its place back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable

import pytest
import pytest_asyncio

from authsvc.flows.caller.limits import within_limit
from authsvc.rules.errors import Rejected, TooMany, Unavailable
from authsvc.runtime import Runtime
from authsvc.store.caller.attempts import Bucket
from authsvc.store.errors import StoreUnavailable
from authsvc_devkit.servers import Servers
from tests.support.login_steps import Pkce, authorize_parameters
from tests.support.service import Service, service

LIMIT = 2
REFUSED = Rejected("invalid_request", "No.", "mutant")
AWAY, FULL = StoreUnavailable("postgresql", "timeout"), Unavailable("hash_queue_full")


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, device_network_requests=LIMIT, push_network_requests=LIMIT) as running:
        yield running


@pytest.mark.parametrize(
    ("guess", "wrong", "raised", "counts"),
    [
        (False, False, None, True),
        (False, False, REFUSED, True),
        (False, False, OSError(), True),
        (False, False, AWAY, False),
        (False, False, FULL, False),
        (True, False, None, False),
        (True, False, REFUSED, False),
        (True, False, OSError(), False),
        (True, False, AWAY, False),
        (True, True, None, True),
        (True, True, REFUSED, True),
        (True, True, AWAY, False),
        (True, True, FULL, False),
    ],
)
async def test_what_counts(house: Service, guess: bool, wrong: bool, raised: Exception | None, counts: bool) -> None:
    buckets = [Bucket(f"test:{house.runtime.entropy(8).hex()}", 1)]

    async def once() -> None:
        async with within_limit(house.runtime, buckets, "mail", "mail_requests", guess=guess) as place:
            if wrong:
                place.counts = True
            if raised:
                raise raised

    ended = await _error_of(once())
    assert ended is raised
    again = await _error_of(once())
    assert isinstance(again, TooMany) if counts else again is raised
    if isinstance(again, TooMany):
        assert again.retry_after > 0


async def _error_of(work: Awaitable[None]) -> Exception | None:
    try:
        await work
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("path", ["/device_authorization", "/par"])
async def test_a_request_that_was_answered_503_is_none_of_a_networks(house: Service, path: str) -> None:
    http = house.caller("198.51.100.20")
    form = {"client_id": "terminal"} if path == "/device_authorization" else authorize_parameters(Pkce())
    await _clients_read(house.runtime)
    with pytest.MonkeyPatch.context() as outage:
        outage.setattr(house.runtime.db, "_open_until", float("inf"))
        statuses = [(await http.post(path, data=form)).status_code for _ in range(LIMIT + 1)]
    assert statuses == [503] * (LIMIT + 1)
    statuses = [(await http.post(path, data=form)).status_code for _ in range(LIMIT + 1)]
    assert statuses == [201 if path == "/par" else 200] * LIMIT + [429]


async def _clients_read(runtime: Runtime) -> None:
    """So that an outage is met where something is written."""
    for name in ("terminal", "customer"):
        assert await runtime.clients.get(name)
