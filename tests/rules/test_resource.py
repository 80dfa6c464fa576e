"""Resources are compared as URIs (RFC 3986 section 6.2), and granted in their registered spelling."""

from __future__ import annotations

import pytest

from authsvc.rules.resource import as_registered, overlap

MCP, API, SERVICE = "https://mcp.example.com", "https://api.example.com/v1/orders?tenant=1", "stock-service"
REGISTERED = (MCP, API, SERVICE, "urn:example:stock", "http://localhost:8000")


@pytest.mark.parametrize(
    ("asked", "registered"),
    [
        (MCP, MCP),
        (MCP + "/", MCP),
        (MCP + ":443", MCP),
        (MCP + ":443/", MCP),
        ("HTTPS://MCP.Example.COM/", MCP),
        (MCP + "/./", MCP),
        (MCP + "/x/..", MCP),
        ("https://API.example.com/v1/orders?tenant=1", API),
        ("https://api.example.com/v1/%6Frders?tenant=1", API),
        ("https://api.example.com/v1/x/../orders?tenant=1", API),
        (SERVICE, SERVICE),
        ("http://LOCALHOST:8000/", "http://localhost:8000"),
    ],
)
def test_what_is_the_same_uri_is_the_same_resource(asked: str, registered: str) -> None:
    assert as_registered([asked], REGISTERED) == (registered,)
    assert overlap(["https://x.example", asked], [registered, "y"])


@pytest.mark.parametrize(
    "asked",
    [
        MCP + "/mcp",
        MCP + "//",
        MCP + "/%2F",
        MCP + "?",
        MCP + "?x=1",
        MCP + "#",
        MCP + "/#x",
        MCP + ":8443",
        MCP + ".",
        "http://mcp.example.com",
        "https://user@mcp.example.com",
        "https://mcp.example.com\\\\@evil.example",
        "https://evil.example/https://mcp.example.com",
        "//mcp.example.com",
        "mcp.example.com",
        "https://api.example.com/v1/orders",
        "https://api.example.com/v1/orders/?tenant=1",
        "https://api.example.com/v1/orders?tenant=2",
        "https://api.example.com/V1/orders?tenant=1",
        "https://api.example.com/../v1?tenant=1",
        "Stock-service",
        "stock-service/",
        "URN:example:stock",
        "https://[",
        "https://mcp.example.com:x/",
        "https://mcp\u0435.example.com",
        "",
    ],
)
def test_what_is_another_uri_stays_another_resource(asked: str) -> None:
    assert as_registered([asked], REGISTERED) == (asked,)
    assert not overlap([asked], REGISTERED)


def test_each_is_named_once_and_an_exact_match_goes_first() -> None:
    both = ("https://a.example/", "https://a.example")
    assert as_registered(["https://a.example"], both) == ("https://a.example",)
    assert as_registered(["https://a.example/"], both) == ("https://a.example/",)
    assert as_registered(["HTTPS://A.example:443"], both) == ("https://a.example",), "always the same one"
    assert as_registered([], both) == ()
