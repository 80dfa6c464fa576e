"""Who types in nothing but the host, or a wrong address, meets a page and not a program's answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from authsvc_devkit.servers import Servers
from tests.support.service import Service, service

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        yield running


async def test_the_root_leads_a_browser_to_the_account(house: Service) -> None:
    answer = await house.caller().get("/", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")


async def test_the_root_is_nothing_to_a_program(house: Service) -> None:
    answer = await house.caller().get("/")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/nowhere", "/account/", "/static/nothing/there", "/%00"])
async def test_a_wrong_address_is_a_page_for_a_browser_and_json_for_a_program(house: Service, path: str) -> None:
    page = await house.caller().get(path, headers=BROWSER)
    assert page.status_code == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "There is nothing here" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-request-id"] in page.text
    program = await house.caller().get(path)
    assert (program.status_code, program.json()["error"]) == (404, "not_found")


async def test_a_wrong_method_is_a_page_for_a_browser_too(house: Service) -> None:
    page = await house.caller().delete("/login", headers=BROWSER)
    assert (page.status_code, page.headers["allow"]) == (405, "GET, HEAD, POST")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    program = await house.caller().delete("/login")
    assert (program.status_code, program.json()["error"]) == (405, "invalid_request")


async def test_the_icon_is_where_browsers_look_for_it(house: Service) -> None:
    answer = await house.caller().get("/favicon.ico")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.text.startswith("<svg ")
    again = await house.caller().get("/favicon.ico", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
