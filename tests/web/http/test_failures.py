"""One failure, one meaning: every exception of rules and stores is mapped once, and both renderers tell the same."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields
from types import ModuleType
from typing import Any, cast

import pytest

from authsvc.rules import errors as rules
from authsvc.rules.errors import BearerRejected, Rejected, TooMany, Unavailable
from authsvc.settings import load
from authsvc.store import errors as store
from authsvc.store.errors import StoreUnavailable
from authsvc.web.http import failures
from authsvc.web.http.failures import MAP, Failure, MethodNotAllowed, NotFound, failure_of, json_failure
from authsvc.web.http.request import Request
from authsvc.web.pages.failure_page import page_failure, page_or_json_failure

ENV = {
    "AUTHSVC_ISSUER": "https://auth.example.com",
    "AUTHSVC_DATABASE_URL": "postgresql://authsvc@db/authsvc",
    "AUTHSVC_REDIS_URL": "redis://redis/0",
    "AUTHSVC_MASTER_KEY": "1 s3cret",
}
HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def request(accept: str = "*/*") -> Request:
    class Runtime:
        settings = load(ENV)

    async def nothing() -> Any:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"accept", accept.encode())]}
    return Request(cast(Any, Runtime()), scope, nothing, "id1")


def raised(module: ModuleType) -> set[type[Exception]]:
    """What flows raise."""
    found = {one for _, one in inspect.getmembers(module, inspect.isclass) if issubclass(one, Exception)}
    return {one for one in found if one.__module__ == module.__name__}


def test_every_error_of_rules_and_stores_has_exactly_one_row() -> None:
    assert set(MAP) == raised(rules) | raised(store) | {NotFound, MethodNotAllowed}
    for one in MAP:  # a subclass of another row would have two
        assert [row for row in MAP if issubclass(one, row)] == [one]
    assert len(set(MAP.values())) == len(MAP)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            Rejected("not_found", "No such thing.", "gone", status=404),
            Failure(404, "not_found", "No such thing.", "gone"),
        ),
        (
            Rejected("invalid_client", "No.", "wrong", status=401, challenge='Basic realm="authsvc"'),
            Failure(401, "invalid_client", "No.", "wrong", challenge='Basic realm="authsvc"'),
        ),
        (
            BearerRejected("token_missing", error=None),
            Failure(
                401,
                "invalid_request",
                "An access token is needed.",
                "token_missing",
                challenge='Bearer realm="authsvc"',
            ),
        ),
        (
            TooMany("login_failures", retry_after=0),
            Failure(429, "too_many_attempts", "Too many failed attempts. Try again later.", "login_failures", 1),
        ),
        (
            Unavailable("no_keys_yet", retry_after=5),
            Failure(503, "temporarily_unavailable", "Try again in a moment; nothing was changed.", "no_keys_yet", 5),
        ),
        (NotFound(), Failure(404, "not_found", "There is nothing at this address.")),
        (
            MethodNotAllowed(["POST", "GET"]),
            Failure(405, "invalid_request", "This method is not supported here.", allow="GET, POST"),
        ),
        (
            ValueError("secret"),
            Failure(500, "server_error", "The service failed. Quote id1 when you report it.", "bug"),
        ),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else "",
)
def test_json_and_page_tell_the_same(error: Exception, told: Failure) -> None:
    asked = request()
    assert failure_of(asked, error) == told
    assert asked.reason == told.reason
    in_json, page = json_failure(asked, told), page_failure(asked, told)
    assert in_json.status_code == page.status_code == told.status
    assert json.loads(in_json.body) == {"error": told.code, "error_description": told.description}
    for name, value in (("retry-after", told.retry_after), ("allow", told.allow)):
        expected = None if value is None else str(value)
        assert in_json.headers.get(name) == page.headers.get(name) == expected, name
    assert in_json.headers.get("www-authenticate") == told.challenge
    assert "www-authenticate" not in page.headers, "a browser would open a window of its own"
    assert b"secret" not in in_json.body + page.body


def test_trouble_in_a_store_is_never_the_caller_s_fault() -> None:
    waits = set()
    for _ in range(100):
        failure = failure_of(request(), StoreUnavailable("redis", "timeout"))
        assert (failure.status, failure.reason, failure.challenge) == (503, "redis_timeout", None)
        waits.add(failure.retry_after)
    assert waits == {1, 2, 3, 4, 5}, "who was turned away together does not come back together"


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (HTML, True),
        ("text/html", True),
        ("*/*", False),
        ("", False),
        ("application/json", False),
        ("text/html;q=0.5, application/json", False),
    ],
)
def test_who_asks_for_a_page_gets_one(accept: str, page: bool) -> None:
    failure = Failure(404, "not_found", "There is nothing at this address.")
    answer = page_or_json_failure(request(accept), failure)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html" if page else "application/json")


def test_nothing_of_the_record_can_be_changed() -> None:
    assert {one.name for one in fields(failures.Failure)} >= {
        "status",
        "code",
        "description",
        "reason",
        "retry_after",
        "challenge",
    }
    with pytest.raises(AttributeError):
        Failure(404, "a", "b").status = 200  # type: ignore[misc]
