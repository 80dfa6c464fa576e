"""Where a login passes over the second step: the whole table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from authsvc.rules.authorize.claims_parameter import ClaimsRequest
from authsvc.rules.authorize.request import AuthorizationRequest
from authsvc.rules.client_record import Client
from authsvc.rules.clients.limits import TRUSTED_DEVICE_DAYS
from authsvc.rules.clients.trusted_devices import trusted_device_problem
from authsvc.rules.levels import MFA_ACR, PASSWORD_ACR, PHR_ACR, PHRH_ACR
from authsvc.rules.login.trusted_device import days_offered, passes_over, wants_fresh_proof
from tests.support.clients import flat_client

SINCE = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SHOP = flat_client(id="shop", trusted_device_days=30)
SHORT = flat_client(id="short", trusted_device_days=7)
NONE = flat_client(id="none")


@pytest.mark.parametrize(
    ("client", "wanted", "fresh", "age", "life", "passed"),
    [
        (SHOP, PASSWORD_ACR, False, 0 * DAY, 30 * DAY, True),
        (SHOP, PASSWORD_ACR, False, 30 * DAY - timedelta(seconds=1), 30 * DAY, True),
        (SHOP, PASSWORD_ACR, False, 30 * DAY, 30 * DAY, False),
        (SHOP, PASSWORD_ACR, False, 8 * DAY, 7 * DAY, False),  # trusted at a client of seven days
        (SHORT, PASSWORD_ACR, False, 6 * DAY, 30 * DAY, True),  # trusted at one of thirty
        (SHORT, PASSWORD_ACR, False, 7 * DAY, 30 * DAY, False),
        (SHOP, MFA_ACR, False, 0 * DAY, 30 * DAY, False),  # client or role demand it
        (SHOP, PHR_ACR, False, 0 * DAY, 30 * DAY, False),
        (SHOP, PASSWORD_ACR, True, 0 * DAY, 30 * DAY, False),  # the request wants it of now
        (NONE, PASSWORD_ACR, False, 0 * DAY, 30 * DAY, False),
        (None, PASSWORD_ACR, False, 0 * DAY, 30 * DAY, False),  # our own pages
    ],
)
def test_the_second_step_is_passed_over_only_where_nobody_else_asks_for_it(
    client: Client | None, wanted: str, fresh: bool, age: timedelta, life: timedelta, passed: bool
) -> None:
    times = {"since": SINCE, "expires_at": SINCE + life, "now": SINCE + age}
    assert passes_over(client, wanted, fresh=fresh, **times) is passed


@pytest.mark.parametrize(
    ("client", "wanted", "days"),
    [
        (SHOP, PASSWORD_ACR, 30),
        (SHORT, PASSWORD_ACR, 7),
        (SHOP, MFA_ACR, 0),
        (NONE, PASSWORD_ACR, 0),
        (None, MFA_ACR, 0),
    ],
)
def test_trust_is_offered_where_it_would_help(client: Client | None, wanted: str, days: int) -> None:
    assert days_offered(client, wanted) == days


REQUEST = AuthorizationRequest(
    client_id="shop",
    redirect_uri="https://shop.example.com/cb",
    scope=("openid",),
    state=None,
    nonce=None,
    response_mode="query",
    code_challenge="x" * 43,
    prompt=frozenset(),
    max_age=None,
    resource=(),
)


@pytest.mark.parametrize(
    ("changed", "fresh"),
    [
        ({}, False),
        ({"prompt": frozenset({"consent"})}, False),
        ({"acr_values": (PASSWORD_ACR,)}, False),
        ({"prompt": frozenset({"login"})}, True),
        ({"prompt": frozenset({"select_account"})}, True),
        ({"max_age": 86_400}, True),
        ({"max_age": 0}, True),
        ({"acr_values": (MFA_ACR,)}, True),
        ({"acr_values": (PASSWORD_ACR, PHRH_ACR)}, True),
        ({"claims": ClaimsRequest(acr=(MFA_ACR,))}, True),
        ({"claims": ClaimsRequest(acr_wish=(PHR_ACR,))}, True),
    ],
)
def test_a_request_that_wants_more_than_a_password_or_a_login_of_now_wants_a_proof(
    changed: dict[str, object], fresh: bool
) -> None:
    assert wants_fresh_proof(replace(REQUEST, **changed)) is fresh  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("days", "acr", "fine"),
    [
        (0, None, True),
        (0, MFA_ACR, True),
        (TRUSTED_DEVICE_DAYS[1], None, True),
        (TRUSTED_DEVICE_DAYS[1] + 1, None, False),
        (-1, None, False),
        (30, PASSWORD_ACR, True),
        (30, MFA_ACR, False),
        (1, PHRH_ACR, False),
    ],
)
def test_a_client_that_demands_a_second_factor_lets_nobody_pass_it_over(days: int, acr: str | None, fine: bool) -> None:
    client = flat_client(trusted_device_days=days, required_acr=acr)
    assert (trusted_device_problem(client.login) is None) is fine
