"""SECURITY.md item 49: nobody makes this service talk to the machines behind it, or wait, or read for ever."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from time import monotonic

import pytest

from authsvc import outgoing
from authsvc.outgoing import Outgoing, OutgoingFailed, judge_address, judge_url, wire
from authsvc_devkit.tls import make_certificate
from tests.support.busy import again_when_busy, prompt
from tests.support.receiver import Receiver, answer, receiver, silence


def resolving(*answers: str | list[str]) -> outgoing.Resolve:
    """A name server: the first question gets the first answer, the second one the second, the last one stays."""
    left = [[one] if isinstance(one, str) else one for one in answers]
    return lambda _host, _port: left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
async def inside() -> AsyncIterator[Receiver]:
    """What nobody may reach."""
    async with receiver(answer(200, b"{}")) as one:
        yield one


async def refused(client: Outgoing, url: str) -> OutgoingFailed:
    started = monotonic()
    with pytest.raises(OutgoingFailed) as found:
        await client.get_json(url, limit=1000)
    assert monotonic() - started < 3.5
    client.close()
    return found.value


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "http://rp.example/x",
        "gopher://rp.example/",
        "file:///etc/passwd",
        "ftp://rp.example/",
        "https:///x",
        "https://user@rp.example/",
        "https://user:pass@rp.example/",
        "https://rp.example@127.0.0.1/",
        "rp.example/x",
        "https://rp.example/#part",
        "https://rp.example\\@127.0.0.1/",
        "https://rp.example/\r\nX: y",
        "https://rp.example/a b",
        "https://rp.example:0/",
        "https://rp.example:70000/",
        "https://rp.example:x/",
        "https://[::1/",
        "https://rp.ex%61mple/",
        "https://r\u00e9.example/",
        "https://rp.example/" + "a" * 2048,
        "http://localhost/x",
        "http://127.0.0.1/x",
        "data:text/html,x",
        "",
        "https://",
        "//rp.example/x",
    ],
)
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(OutgoingFailed, match="url_refused"):
        judge_url(url)


@pytest.mark.parametrize("url", ["https://rp.example/x?y=z", "https://rp.example:8443/", "https://[2606:4700::1]/"])
def test_an_https_url_is_taken(url: str) -> None:
    assert judge_url(url).scheme == "https"


@pytest.mark.parametrize(
    "url", ["http://rp.example/", "http://127.0.0.2/", "http://localhost.example/", "http://[::2]/"]
)
def test_plain_http_is_for_this_machine_in_development_only(url: str) -> None:
    for good in ("http://localhost:1/x", "http://127.0.0.1/", "http://[::1]:80/"):
        assert judge_url(good, loopback=True)
    with pytest.raises(OutgoingFailed, match="url_refused"):
        judge_url(url, loopback=True)


# Addresses

INSIDE = [
    "127.0.0.1",
    "127.8.9.1",
    "::1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fd00:ec2::254",
    "10.0.0.1",
    "::ffff:10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "fe80::1",
    "fe80::1%1",
    "fc00::1",
    "fec0::1",
    "224.0.0.1",
    "ff02::1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.192",
    "::ffff:192.0.0.8",
    "192.88.99.1",
    "64:ff9b::c058:6301",
    "100.100.100.200",
    "3fff::1",
    "5f00::1",
    "192.0.2.1",
    "198.18.0.1",
    "2001:db8::1",
    "no address",
    "",
]
METADATA = (
    *("169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "fe80::1", "0.0.0.0", "::", "224.0.0.1"),
    *("192.0.0.192", "100.100.100.200"),
)


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert judge_address(address) is None


@pytest.mark.parametrize("address", ["192.0.0.8", "192.88.99.1", "::ffff:192.0.0.8", "3fff::1", "5f00::1"])
def test_what_some_pythons_take_for_public_is_refused_all_the_same(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    for kind in (IPv4Address, IPv6Address):
        monkeypatch.setattr(kind, "is_global", True)
    assert judge_address(address) is None


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_a_public_address_is_taken(address: str) -> None:
    assert judge_address(address)


@pytest.mark.parametrize("address", METADATA)
def test_the_metadata_addresses_of_clouds_stay_closed_whatever_is_set(address: str) -> None:
    assert judge_address(address, private=True, loopback=True) is None


def test_private_networks_open_by_a_setting_and_loopback_in_development() -> None:
    for address in ("10.0.0.1", "192.168.1.1", "fc00::1", "100.64.0.1", "127.0.0.1", "::ffff:10.0.0.1"):
        assert judge_address(address, private=True)
    assert judge_address("127.0.0.1", loopback=True)
    assert judge_address("10.0.0.1", loopback=True) is None


# The connection


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0x7f000001",
        "localhost",
        "localhost.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "0",
    ],
)
async def test_no_spelling_of_this_machine_is_connected_to(inside: Receiver, host: str) -> None:
    failure = await refused(Outgoing(), f"https://{host}:{inside.port}/")
    assert failure.kind in ("address_refused", "name_unknown", "url_refused")
    assert inside.connections == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1"])
async def test_a_public_name_of_an_inner_address_is_refused(inside: Receiver, address: str) -> None:
    failure = await refused(Outgoing(resolve=resolving(address)), f"https://rp.example:{inside.port}/")
    assert failure.kind == "address_refused"
    assert inside.connections == 0


async def test_one_inner_address_among_public_ones_is_enough_to_refuse(inside: Receiver) -> None:
    failure = await refused(Outgoing(resolve=resolving(["1.1.1.1", "127.0.0.1"])), f"https://rp.example:{inside.port}/")
    assert failure.kind == "address_refused"


async def test_a_name_server_that_changes_its_answer_is_asked_once_a_request() -> None:
    """Rebinding: judged by the first answer and connected by the second would be the hole."""
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    async with receiver(answer(200, b'{"keys": []}')) as one:
        client = Outgoing(loopback=True, resolve=resolve)
        assert await client.get_json(f"http://localhost:{one.port}/", limit=100) == {"keys": []}
        assert asked == ["localhost"]
        assert (await refused(client, f"http://localhost:{one.port}/")).kind == "address_refused"
        assert one.connections == 1


async def test_a_redirect_to_an_inner_address_is_not_followed(inside: Receiver) -> None:
    location = f"Location: http://127.0.0.1:{inside.port}/"
    async with receiver(answer(302, b"", "text/plain", location)) as one:
        client = Outgoing(loopback=True)
        assert await client.post_form(one.url, {"a": "b"}) == 302
        failure = await refused(client, one.url)
        assert (failure.kind, failure.status) == ("status", 302)
    assert inside.connections == 0


async def test_a_slow_answer_is_left_after_three_seconds() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n")
        for _ in range(100):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.1)

    for way in (silence, drip):
        async with receiver(way) as one:
            assert (await refused(Outgoing(loopback=True), one.url)).kind == "timeout"


async def test_an_endless_answer_is_left_at_the_limit() -> None:
    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
            await writer.drain()

    async with receiver(flood) as one:
        assert (await refused(Outgoing(loopback=True), one.url)).kind == "answer_too_large"


@pytest.mark.parametrize(
    "said",
    [
        answer(200, b"{"),
        answer(200, b"\xff"),
        answer(200, b"{}", "text/html"),
        answer(200, b"[" * 900),
        b"garbage\r\n\r\n",
        answer(200, b"\x1f\x8b\x08", "application/json", "Content-Encoding: gzip"),
        b"",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_is_no_json_is_malformed(said: bytes) -> None:
    async with receiver(said) as one:
        assert (await refused(Outgoing(loopback=True), one.url)).kind in ("answer_malformed", "connect")


async def test_nobody_listening_is_said_so() -> None:
    assert (await refused(Outgoing(loopback=True), "http://127.0.0.1:1/")).kind == "connect"
    assert (await refused(Outgoing(), "https://name.invalid/")).kind == "name_unknown"


@again_when_busy
async def test_a_name_server_that_never_answers_holds_up_one_name_only() -> None:
    release = threading.Event()

    def resolve(host: str, _port: int) -> list[str]:
        if host == "dead.example":
            release.wait(20)
        return ["127.0.0.1"]

    async with receiver(answer(200, b"{}")) as one:
        client = Outgoing(loopback=True, resolve=resolve)
        waiting = [asyncio.create_task(client.get_json("https://dead.example/", limit=9)) for _ in range(50)]
        await asyncio.sleep(0.05)
        started = monotonic()
        assert await client.get_json(f"http://localhost:{one.port}/", limit=9) == {}
        prompt(monotonic() - started < 1)
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert {str(failure) for failure in done} == {"timeout"}
        release.set()
        client.close()


async def test_tls_is_verified_and_is_for_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make_certificate(tmp_path, ["rp.example"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert_file, files.key_file)
    async with receiver(
        answer(200, json.dumps({"keys": [1]}).encode(), "application/jwk-set+json"), tls=context
    ) as one:
        stranger = Outgoing(private=True, resolve=resolving("127.0.0.1"))
        assert (await refused(stranger, f"https://rp.example:{one.port}/")).kind == "connect"
        monkeypatch.setenv("SSL_CERT_FILE", str(files.ca_file))
        wire._tls.cache_clear()
        client = Outgoing(private=True, resolve=resolving("127.0.0.1"))
        assert await client.get_json(f"https://rp.example:{one.port}/", limit=100) == {"keys": [1]}
        assert (await refused(client, f"https://other.example:{one.port}/")).kind == "connect"
        head = one.requests[-1][1]
        assert f"host: rp.example:{one.port}" in head.lower()
    wire._tls.cache_clear()
