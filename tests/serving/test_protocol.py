"""The wire, on a real uvicorn with raw sockets: deadlines, limits, refusals; and honest clients notice nothing."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gc
import ipaddress
import json
import resource
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from authsvc.serving import head
from authsvc.serving.head import judge_head
from authsvc.serving.protocol import DeadlineProtocol
from authsvc.web.http.reply import ANSWER, Reply
from tests.support.busy import again_when_busy, prompt

HOST = b"Host: localhost\r\n"
GET = b"GET /here HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


class Wire(DeadlineProtocol):
    """The same rules on a shorter clock."""

    head_seconds = 0.5
    body_seconds = 0.8
    write_seconds = 0.6
    linger_seconds = 0.3


class App:
    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[str] = []
        self.failed: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        self.started.append(path)
        try:
            await getattr(self, path.strip("/").partition("/")[0], self.here)(scope, receive, send)
        except Exception:
            self.failed.append(path)
            raise
        finally:
            self.ended.append(path)

    async def here(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        await self.answer(send, {"path": scope["path"], "body": len(body), "headers": len(scope["headers"])})

    async def slow(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(1.2)
        await self.here(scope, receive, send)

    async def stubborn(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers after a while, whatever became of the body."""
        await asyncio.sleep(0.15)
        await self.answer(send, {"path": scope["path"]})

    async def whole(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope[ANSWER](Reply(200, b"{}", [(b"content-length", b"2")]))

    async def early(self, scope: Any, receive: Any, send: Any) -> None:
        await self.answer(send, {"path": scope["path"]})

    async def endless(self, scope: Any, receive: Any, send: Any) -> None:
        """A stream of events with a heartbeat: it ends when the client does."""

        async def beat() -> None:
            while True:
                await send({"type": "http.response.body", "body": b":\n", "more_body": True})
                await asyncio.sleep(0.05)

        await send({"type": "http.response.start", "status": 200, "headers": []})
        heart = asyncio.create_task(beat())
        while (await receive())["type"] != "http.disconnect":
            pass
        heart.cancel()

    async def large(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})

    async def finite(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"16777216")]})
        for left in reversed(range(256)):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": left > 0})

    async def medium(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"60000"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * 60000})

    @staticmethod
    async def answer(send: Any, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Running:
    def __init__(self, server: uvicorn.Server, app: App) -> None:
        self.server = server
        self.app = app
        self.port = server.servers[0].sockets[0].getsockname()[1]

    @property
    def connections(self) -> int:
        return len(self.server.server_state.connections)

    def connect(self, timeout: float = 10.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def ask(self, data: bytes) -> bytes:
        with self.connect() as client:
            return exchange(client, data)


@contextlib.contextmanager
def running(http: type[asyncio.Protocol] = Wire, app: App | None = None, **options: Any) -> Iterator[Running]:
    app = app or App()
    options = {"ws": "none", "lifespan": "off", "log_config": None, "access_log": False, **options}
    config = uvicorn.Config(app, "127.0.0.1", 0, http=http, loop="uvloop", timeout_graceful_shutdown=2, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Running(server, app)
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as here:
        yield here


def read_all(client: socket.socket) -> bytes:
    data = b""
    while chunk := client.recv(65536):
        data += chunk
    return data


def exchange(client: socket.socket, data: bytes) -> bytes:
    """Send, then read until the server closes."""
    client.sendall(data)
    return read_all(client)


def one_response(client: socket.socket) -> tuple[int, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = client.recv(65536)
        assert chunk, data
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    while len(body) < length:
        body += client.recv(length - len(body))
    assert len(body) == length
    return int(head.split()[1]), body


_rest: dict[socket.socket, bytes] = {}


def one_response_of(client: socket.socket) -> tuple[int, bytes]:
    """The next of several answers that may have come in one piece."""
    data = _rest.pop(client, b"")
    while True:
        head, end, body = data.partition(b"\r\n\r\n")
        lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length")]
        if end and len(body) >= lengths[0]:
            _rest[client] = body[lengths[0] :]
            return int(head.split()[1]), body[: lengths[0]]
        chunk = client.recv(65536)
        assert chunk, data
        data += chunk


def is_refusal(data: bytes, status: int, description: str | None = None) -> bool:
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0].startswith(b"http/1.1 %d " % status), data[:200]
    assert b"content-type: application/json" in lines
    assert b"cache-control: no-store" in lines
    assert b"connection: close" in lines
    assert b"content-length: %d" % len(body) in lines
    answer = json.loads(body)
    assert answer["error"] == "invalid_request"
    assert set(answer) == {"error", "error_description"}
    return description is None or answer["error_description"] == description


def closes(client: socket.socket, within: float) -> bool:
    client.settimeout(within)
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def eventually(check: Any, within: float = 5.0) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.02)
    return False


# Honest clients


def test_keep_alive_works_and_a_connection_serves_many_requests(server: Running) -> None:
    with server.connect() as client:
        for number in range(20):
            client.sendall(b"GET /%d HTTP/1.1\r\n%s\r\n" % (number, HOST))
            status, body = one_response(client)
            assert status == 200
            assert json.loads(body)["path"] == f"/{number}"


def test_an_answered_request_leaves_nothing_to_the_garbage_collector(server: Running) -> None:
    gc.collect()
    gc.disable()
    try:
        with server.connect() as client:
            for _ in range(300):
                client.sendall(b"GET /whole HTTP/1.1\r\n%s\r\n" % HOST)
                assert one_response(client) == (200, b"{}")
            left = gc.collect()
    finally:
        gc.enable()
    assert left < 300


def test_a_keep_alive_connection_may_pause_longer_than_a_head_may_take(server: Running) -> None:
    with server.connect() as client:
        for _ in range(2):
            client.sendall(GET)
            assert one_response(client)[0] == 200
            time.sleep(Wire.head_seconds + 0.4)
        client.sendall(GET)
        assert one_response(client)[0] == 200


def test_uvicorns_own_keep_alive_timer_still_rules_between_requests() -> None:
    with running(timeout_keep_alive=1) as here, here.connect() as client:
        client.sendall(GET)
        one_response(client)
        assert not closes(client, 0.6)
        assert closes(client, 1.0)


def test_pipelined_requests_are_answered_in_order(server: Running) -> None:
    paths = [b"/slow/1", b"/2", b"/early/3", b"/4"]
    head = b"".join(b"GET %s HTTP/1.1\r\n%s\r\n" % (path, HOST) for path in paths[:3])
    data = server.ask(head + b"GET /4 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    positions = [data.index(b'{"path": "%s"' % path) for path in paths]
    assert positions == sorted(positions)
    assert data.count(b"HTTP/1.1 200 OK") == 4


def test_a_body_pipelined_behind_a_slow_request_is_not_blamed_for_the_wait(server: Running) -> None:
    with server.connect() as client:
        client.sendall(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n")
        client.sendall(b"POST /b HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nab")
        time.sleep(1.4)
        client.sendall(b"cd")
        assert one_response_of(client)[0] == 200  # both may be here already
        assert one_response_of(client) == (200, b'{"path": "/b", "body": 4, "headers": 2}')


def test_an_answer_that_is_ready_never_overtakes_one_that_is_not(server: Running) -> None:
    with server.connect() as client:
        client.sendall(b"GET /stubborn HTTP/1.1\r\n" + HOST + b"\r\n" + GET * 2)
        paths = [json.loads(one_response_of(client)[1])["path"] for _ in range(3)]
        assert paths == ["/stubborn", "/here", "/here"]


@pytest.mark.parametrize(
    "head",
    [
        b"Connection: close\r\n",
        b"Expect: 100-continue\r\n",
        b"Content-Length: 0\r\n",
        b"Upgrade: x\r\nConnection: upgrade\r\n",
    ],
)
def test_what_is_not_plain_gets_the_same_answer(server: Running, head: bytes) -> None:
    last = GET[:-2] + b"Connection: close\r\n\r\n"
    assert b'{"path": "/here", "body": 0' in server.ask(GET[:-2] + head + b"\r\n" + last)


def test_an_answer_is_the_last_one_where_every_answer_is() -> None:
    """While it drains, the service says `Connection: close`."""
    with running(headers=[("connection", "close")]) as server:
        assert b"connection: close" in server.ask(GET + GET)


def test_an_application_may_take_longer_than_head_and_body_may(server: Running) -> None:
    assert b"200 OK" in server.ask(b"GET /slow HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")


def test_a_head_in_single_bytes_is_served_when_it_is_in_time(server: Running) -> None:
    with server.connect() as client:
        for byte in GET:
            client.sendall(bytes([byte]))
        assert one_response(client)[0] == 200


def test_chunked_bodies_and_expect_100_continue_work(server: Running) -> None:
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n"
    chunks = b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert b'"body": 5' in server.ask(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    with server.connect() as client:
        client.sendall(head + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        assert b'"body": 3' in exchange(client, b"abc")


@pytest.mark.parametrize("size", [0, 1, 16384, 16385, 65536])
def test_a_body_up_to_the_limit_arrives_whole(server: Running, size: int) -> None:
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % size
    assert b'"body": %d' % size in server.ask(head + b"x" * size)


def test_64_kib_in_chunks_of_one_byte_arrive_whole() -> None:
    with running(DeadlineProtocol) as here:
        head = b"POST / HTTP/1.1\r\n" + HOST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert b'"body": 65536' in here.ask(head + b"1\r\nx\r\n" * 65536 + b"0\r\n\r\n")


def test_http_1_0_needs_no_host_and_is_closed_after_its_answer(server: Running) -> None:
    assert b"200 OK" in server.ask(b"GET / HTTP/1.0\r\n\r\n")


@pytest.mark.parametrize("host", [b"a", b"localhost:8000", b"127.0.0.1:1", b"[::1]", b"[::1]:8000", b"a.b-c_d:"])
def test_ordinary_hosts_are_accepted(server: Running, host: bytes) -> None:
    assert b"200 OK" in server.ask(b"GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host)


@pytest.mark.parametrize("ws", ["none", asyncio.Protocol])
def test_an_offer_to_upgrade_is_ignored_and_the_request_answered_as_the_last(ws: Any) -> None:
    offers = (
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )
    with running(ws=ws, timeout_keep_alive=30) as here:
        for offer in offers:
            with here.connect() as client:
                client.sendall(b"GET /slow HTTP/1.1\r\n" + HOST + offer)
                time.sleep(0.1)
                client.sendall(GET)
                data = read_all(client)
                assert data.startswith(b"HTTP/1.1 200 OK")
                assert b"connection: close" in data
                assert data.count(b"HTTP/1.1") == 1


SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
OFFERED_BODIES = {
    "length": b"Content-Length: %d\r\n\r\n%b" % (len(SMUGGLED), SMUGGLED),
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\nX: y\r\n\r\n" % (len(SMUGGLED), SMUGGLED),
}


@pytest.mark.parametrize("piece", [1, 7, 10_000])
@pytest.mark.parametrize("name", OFFERED_BODIES)
def test_a_body_beside_an_offer_to_upgrade_is_read_to_its_announced_end(server: Running, name: str, piece: int) -> None:
    """Java's HttpClient and `curl --http2` offer h2c with every first request on plain http."""
    started = len(server.app.started)
    request = POST + OFFER + OFFERED_BODIES[name]
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent = GET + request + (SMUGGLED if piece > len(request) else b"")
        for begin in range(0, len(sent), piece):
            client.sendall(sent[begin : begin + piece])
        data = read_all(client)
    first, _, last = data.partition(b"}")
    assert first.startswith(b"HTTP/1.1 200 OK")
    assert last.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in last
    assert b'"body": %d' % len(SMUGGLED) in last
    assert data.count(b"HTTP/1.1") == 2
    assert server.app.started[started:] == ["/here", "/"]


def test_a_body_beside_an_offer_to_upgrade_has_the_limits_of_any_other(server: Running) -> None:
    announced = server.ask(POST + OFFER + b"Content-Length: 65537\r\n\r\n")
    assert is_refusal(announced, 413, head.BODY_LARGE[1])
    grown = server.ask(
        POST + OFFER + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 17
    )
    assert is_refusal(grown, 413, head.BODY_LARGE[1])
    slow = server.ask(POST + OFFER + b"Content-Length: 3\r\n\r\nab")
    assert is_refusal(slow, 408, head.BODY_SLOW[1])
    waited = server.ask(POST + OFFER + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab")
    assert b'"body": 2' in waited


def test_stray_line_ends_between_requests_do_no_harm(server: Running) -> None:
    with server.connect() as client:
        client.sendall(b"\r\n\r\n" + GET)
        assert one_response(client)[0] == 200
        client.sendall(b"\r\n")
        time.sleep(0.1)
        client.sendall(GET)
        assert one_response(client)[0] == 200


def test_a_line_end_sent_while_the_application_works_does_not_cost_the_answer(server: Running) -> None:
    with server.connect() as client:
        client.sendall(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n")
        time.sleep(0.05)
        client.sendall(b"\r\n")
        assert one_response(client)[0] == 200


# Too slow


def test_a_first_request_that_trickles_is_refused_and_closed(server: Running) -> None:
    with server.connect() as client:
        began = time.monotonic()
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
        with contextlib.suppress(OSError):
            while time.monotonic() - began < Wire.head_seconds + 0.1:
                client.sendall(b"a")
                time.sleep(0.03)
        assert is_refusal(read_all(client), 408, head.HEAD_SLOW[1])
        assert time.monotonic() - began < Wire.head_seconds + Wire.linger_seconds + 0.5


def test_a_later_request_that_trickles_is_refused_too(server: Running) -> None:
    with server.connect() as client:
        client.sendall(GET)
        one_response(client)
        client.sendall(b"GET / HTTP/1.1\r\n")
        assert is_refusal(read_all(client), 408)


def test_a_trickling_request_behind_an_unanswered_one_waits_for_its_turn(server: Running) -> None:
    with server.connect() as client:
        data = exchange(client, b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n" + b"GET /b HT")
        first, _, second = data.partition(b"}")
        assert b"200 OK" in first
        assert is_refusal(second, 408)


def test_a_body_begun_in_the_same_read_as_another_request_has_its_deadline(server: Running) -> None:
    with server.connect() as client:
        data = exchange(client, GET + b"POST /b HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nab")
        first, _, second = data.partition(b"}")
        assert b"200 OK" in first
        assert is_refusal(second, 408, head.BODY_SLOW[1])


def test_a_connection_that_says_nothing_is_closed_without_a_word(server: Running) -> None:
    with server.connect() as client:
        assert not closes(client, 0.3)
        assert closes(client, 0.6)


@again_when_busy
@pytest.mark.parametrize("junk", [b"\r\n", b"\r\n\r\n"])
def test_line_ends_alone_keep_no_connection_alive(server: Running, junk: bytes) -> None:
    with server.connect() as client:
        client.sendall(GET)
        one_response(client)
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 3 and not closes(client, 0.05):
                client.sendall(junk)
        prompt(time.monotonic() - began < 1.5)


@again_when_busy
@pytest.mark.parametrize("framing", [b"Content-Length: 100\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
def test_a_body_that_trickles_is_refused_and_the_application_hears_of_it(server: Running, framing: bytes) -> None:
    with server.connect() as client:
        began = time.monotonic()
        client.sendall(b"POST /trickle HTTP/1.1\r\n" + HOST + framing)
        piece = b"x" if framing.startswith(b"C") else b"1\r\nx\r\n"
        with contextlib.suppress(OSError):
            while time.monotonic() - began < Wire.body_seconds + 0.1:
                client.sendall(piece)
                time.sleep(0.05)
        assert is_refusal(read_all(client), 408, head.BODY_SLOW[1])
        prompt(time.monotonic() - began < 2)
    assert eventually(lambda: server.app.started.count("/trickle") == server.app.ended.count("/trickle"))


@again_when_busy
def test_the_rest_of_a_body_nobody_wants_has_a_deadline_as_well(server: Running) -> None:
    with server.connect() as client:
        began = time.monotonic()
        client.sendall(b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n")
        assert one_response(client)[0] == 200
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 3 and not closes(client, 0.05):
                client.sendall(b"x")
        prompt(time.monotonic() - began < 2)


def open_files() -> int:
    """How many this process may have open; raised as far as an ordinary user may."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(hard, 8192)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


@again_when_busy
def test_2000_trickling_sockets_do_not_keep_others_from_being_answered() -> None:
    class Patient(DeadlineProtocol):
        head_seconds = 3.0

    with running(Patient, backlog=4096) as here:
        clients = [here.connect() for _ in range(min(2000, open_files() // 2 - 100))]
        try:
            began, times = time.monotonic(), []
            for client in clients:
                client.sendall(b"GET / HTTP/1.1\r\n")
            with here.connect() as honest:
                while time.monotonic() - began < 2.0:
                    try:
                        for client in clients[len(times) % 20 :: 20]:
                            client.sendall(b"X")
                    except (BrokenPipeError, ConnectionResetError):
                        prompt(False, "three seconds were over while two thousand sockets were opened")
                    asked = time.monotonic()
                    honest.sendall(GET)
                    assert one_response(honest)[0] == 200
                    times.append(time.monotonic() - asked)
            prompt(sorted(times)[int(len(times) * 0.99)] < 0.25)
            assert here.connections >= len(clients) >= 400
            assert eventually(lambda: here.connections == 0, 8)
        finally:
            for client in clients:
                client.close()


def test_a_client_that_never_reads_is_cut_off(server: Running) -> None:
    before = server.connections
    with server.connect() as client:
        client.sendall(b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n")
        assert eventually(lambda: "/large" in server.app.started)
        assert eventually(lambda: "/large" in server.app.ended and server.connections <= before, 4)


def test_a_client_that_never_reads_small_answers_is_cut_off_too() -> None:
    class Small(Wire):
        def connection_made(self, transport: Any) -> None:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            super().connection_made(transport)

    with running(Small) as here:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", here.port))
        client.sendall(b"GET /medium HTTP/1.1\r\n" + HOST + b"\r\n")
        assert eventually(lambda: "/medium" in here.app.ended)
        assert here.connections == 1  # closed by us, and yet not gone: its last bytes are unread
        assert eventually(lambda: here.connections == 0, 3)
        client.close()


def test_a_client_that_reads_slowly_but_steadily_is_served_and_may_stay(server: Running) -> None:
    with server.connect() as client:
        client.sendall(b"GET /finite HTTP/1.1\r\n" + HOST + b"\r\n")
        time.sleep(Wire.write_seconds / 2)  # long enough for writing to be paused
        assert one_response(client)[0] == 200
        time.sleep(Wire.write_seconds + 0.2)
        client.sendall(GET)
        assert one_response(client)[0] == 200


@again_when_busy
def test_a_short_deadline_is_kept_though_a_long_one_went_before() -> None:
    class Uneven(Wire):
        body_seconds = 20.0

    with running(Uneven) as here, here.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\na")
        time.sleep(Wire.head_seconds + 0.2)
        client.sendall(b"b")
        assert one_response(client)[0] == 200
        began = time.monotonic()
        client.sendall(b"GET / HT")
        assert is_refusal(read_all(client), 408)
        prompt(time.monotonic() - began < 2)


# Too large


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 65536 + b"\r\n\r\n",
        b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Cookie: a=b\r\n" * 10_000 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Cookie: " + b"a=b; " * 10_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"A:\r\n" * 101 + b"\r\n",
        b"a" * 65536,
    ],
    ids=["header", "target", "cookies", "one cookie", "count", "method"],
)
def test_a_large_head_is_431_and_closed(server: Running, head: bytes) -> None:
    started = len(server.app.started)
    answer = server.ask(head)
    assert is_refusal(answer, 400 if head.startswith(b"a") else 431)
    assert len(server.app.started) == started


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 431)])
def test_the_head_limit_is_exact_to_the_byte(server: Running, extra: int, status: int) -> None:
    start = b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\nX: "
    head = start + b"a" * (16384 + extra - len(start) - 4) + b"\r\n\r\n"
    with server.connect() as client:
        client.sendall(head[:5000])
        time.sleep(0.05)
        assert exchange(client, head[5000:]).startswith(b"HTTP/1.1 %d " % status)
    assert server.ask(head).startswith(b"HTTP/1.1 %d " % status)


def test_an_announced_body_over_the_limit_is_413_before_the_application_starts(server: Running) -> None:
    started = len(server.app.started)
    for extra in (b"", b"Expect: 100-continue\r\n"):
        request = b"POST / HTTP/1.1\r\n" + HOST + extra + b"Content-Length: 65537\r\n\r\n"
        assert is_refusal(server.ask(request), 413, head.BODY_LARGE[1])
    assert len(server.app.started) == started


def test_a_chunked_body_that_grows_past_the_limit_is_cut_with_413(server: Running) -> None:
    head = b"POST /grow HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    with server.connect() as client:
        client.sendall(head + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 17)
        assert is_refusal(read_all(client), 413)
    assert eventually(lambda: server.app.started.count("/grow") == server.app.ended.count("/grow"))


def test_chunk_extensions_and_trailers_have_a_limit_and_never_become_headers(server: Running) -> None:
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    assert is_refusal(server.ask(head + b"1;" + b"a" * 40_000 + b"\r\nx\r\n0\r\n\r\n"), 431)
    assert is_refusal(server.ask(head + b"1\r\nx\r\n0\r\nX: " + b"a" * 40_000 + b"\r\n\r\n"), 431)
    with server.connect() as client:
        client.sendall(head + b"1\r\nx\r\n0\r\nAuthorization: x\r\n\r\n")
        assert json.loads(one_response(client)[1]) == {"path": "/", "body": 1, "headers": 2}
        client.sendall(GET)
        assert json.loads(one_response(client)[1])["headers"] == 1


def test_a_flood_after_a_refusal_is_reset() -> None:
    class Patient(Wire):
        linger_seconds = 30.0

    with running(Patient) as here, here.connect() as client:
        client.sendall(b"broken\r\n\r\n")
        with pytest.raises(OSError):
            for _ in range(64):
                client.sendall(b"x" * 65536)
                time.sleep(0.01)
        assert eventually(lambda: here.connections == 0)


def test_a_refused_connection_is_gone_even_if_the_client_stays(server: Running) -> None:
    before = server.connections
    with server.connect() as client:
        client.sendall(b"broken\r\n\r\n")
        assert is_refusal(read_all(client), 400)
        assert eventually(lambda: server.connections <= before, 1.5)


def test_only_so_many_requests_may_wait_behind_an_unanswered_one(server: Running) -> None:
    data = server.ask(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n" + GET * 200)
    assert data.count(b"200 OK") == 1 + Wire.pipeline_limit
    assert is_refusal(data[data.rindex(b"HTTP/1.1") :], 400, head.PIPELINE[1])


# Targets that are no path


@pytest.mark.parametrize(
    ("line", "host", "path"),
    [
        (b"GET http://auth.example/here?a=b", b"auth.example", "/here"),
        (b"GET HTTPS://auth.example:8443/here", b"auth.example:8443", "/here"),
        (b"GET http://[::1]:8000/here", b"[::1]:8000", "/here"),
        (b"GET http://auth.example", b"auth.example", "/"),
        (b"GET http://auth.example?a=b", b"auth.example", "/"),
        (b"OPTIONS http://auth.example", b"auth.example", "*"),
        (b"OPTIONS *", b"localhost", "*"),
    ],
)
def test_a_target_that_is_a_url_or_an_asterisk_is_served_and_its_host_goes_before_host(
    line: bytes, host: bytes, path: str
) -> None:
    """RFC 9112 section 3.2.2: a server MUST accept the absolute form, though only proxies are sent it."""
    seen: list[dict[str, Any]] = []

    class Seen(App):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope)
            await self.here(scope, receive, send)

    with running(app=Seen()) as here:
        assert b"200 OK" in here.ask(line + b" HTTP/1.1\r\n" + HOST + b"X: y\r\nConnection: close\r\n\r\n")
    [scope] = seen
    assert scope["path"] == path
    assert scope["query_string"] == (b"a=b" if line.endswith(b"a=b") else b"")
    assert [value for name, value in scope["headers"] if name == b"host"] == [host]
    assert (b"x", b"y") in scope["headers"]


# Malformed

CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BROKEN = {
    "TE and CL": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "CL and TE": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "TE in HTTP/1.0": b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "TE gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "TE twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE obfuscated": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "TE tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "CL twice": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "CL list": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "CL sign": POST + b"Content-Length: +3\r\n\r\nabc",
    "CL negative": POST + b"Content-Length: -1\r\n\r\n",
    "CL overflow": POST + b"Content-Length: 99999999999999999999999999\r\n\r\n",
    "CL hex": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "obs-fold": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "obs-fold first": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: a\n\n",
    "bare CR": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\rY: b\r\n\r\n",
    "NUL": b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "unknown method": b"HACK / HTTP/1.1\r\n" + HOST + b"\r\n",
    "non-UTF-8 path": b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
    "space in path": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute form, no Host": b"GET http://localhost/here HTTP/1.1\r\n\r\n",
    "absolute form, two Hosts": b"GET http://localhost/here HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "absolute form, empty host": b"GET http:///here HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute form, user": b"GET http://a@localhost/here HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute form, bad port": b"GET http://localhost:x/here HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute form, fragment": b"GET http://localhost/here#a HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute form, other scheme": b"GET ftp://localhost/here HTTP/1.1\r\n" + HOST + b"\r\n",
    "authority form": b"CONNECT localhost:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk form, other method": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk and more": b"OPTIONS *a HTTP/1.1\r\n" + HOST + b"\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "two Hosts in HTTP/1.0": b"GET / HTTP/1.0\r\n" + HOST + b"host: b\r\n\r\n",
    "empty Host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "Host with user": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "Host with path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "Host list": b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "Host with quotes": b'GET / HTTP/1.1\r\nHost: a"><x\r\n\r\n',
    "Host with bad port": b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
    "Host not ASCII": b"GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n",
    "chunk size after an offer": POST + OFFER + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    "chunk size": CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
    "chunk size negative": CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n",
    "chunk size space": CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n",
    "chunk size overflow": CHUNKED + b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "chunk too long": CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
    "chunk LF": CHUNKED + b"3\nabc\n0\n\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_malformed_requests_are_400_in_json_and_the_connection_is_closed(server: Running, name: str) -> None:
    smuggled = len(server.app.started)
    assert is_refusal(server.ask(BROKEN[name] + b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"), 400)
    assert "/smuggled" not in server.app.started[smuggled:]


@pytest.mark.parametrize("name", BROKEN)
def test_malformed_requests_in_single_bytes_get_the_same_answer(server: Running, name: str) -> None:
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            for byte in BROKEN[name]:
                client.sendall(bytes([byte]))
        assert is_refusal(read_all(client), 400)


def test_a_refusal_never_overtakes_an_unanswered_request(server: Running) -> None:
    data = server.ask(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n" + b"broken\r\n\r\n")
    first, _, second = data.partition(b"}")
    assert b"200 OK" in first
    assert is_refusal(second, 400)


def test_a_broken_body_behind_an_unanswered_request_waits_for_its_turn(server: Running) -> None:
    data = server.ask(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n" + CHUNKED + b"zz\r\n")
    first, _, second = data.partition(b"}")
    assert b"200 OK" in first
    assert is_refusal(second, 400)


def test_an_application_that_answers_after_its_request_was_refused_is_not_heard(server: Running) -> None:
    with server.connect() as client:
        client.sendall(b"POST /stubborn HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert is_refusal(read_all(client), 400)
        assert eventually(lambda: "/stubborn" in server.app.ended)
    assert "/stubborn" not in server.app.failed


def test_a_broken_body_after_its_answer_only_closes(server: Running) -> None:
    with server.connect() as client:
        client.sendall(b"POST /early HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
        assert one_response(client)[0] == 200
        client.sendall(b"zz\r\n")
        assert closes(client, 1.0)


def test_a_stream_hears_that_its_client_left_even_with_a_request_waiting_behind_it(server: Running) -> None:
    with server.connect() as client:
        client.sendall(b"GET /endless HTTP/1.1\r\n" + HOST + b"\r\n" + GET)
        assert client.recv(10)
        time.sleep(Wire.head_seconds + Wire.body_seconds)
        assert "/endless" not in server.app.ended
    assert eventually(lambda: "/endless" in server.app.ended)


def test_refusals_are_counted_for_the_metrics() -> None:
    seen: list[int] = []

    class Counted(Wire):
        on_refused = staticmethod(seen.append)

    with running(Counted) as here:
        here.ask(b"broken\r\n\r\n")
        here.ask(b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 20_000 + b"\r\n\r\n")
    assert seen == [400, 431]


def test_a_refusal_over_tls_is_read_and_the_connection_is_gone(tmp_path: Path) -> None:
    certificate = _certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(certificate))
    options = {"ssl_certfile": str(certificate), "ssl_keyfile": str(certificate)}
    with running(**options) as here, here.connect() as plain:
        client = context.wrap_socket(plain, server_hostname="127.0.0.1")
        client.sendall(GET)
        assert one_response(client)[0] == 200
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert is_refusal(read_all(client), 400, head.HOST_MISSING[1])
        assert eventually(lambda: here.connections == 0, 2)


def _certificate(directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = directory / "both.pem"
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(secret + made.public_bytes(encoding))
    return file


def test_the_rule_for_heads_is_pure_and_the_first_fault_is_told() -> None:
    host = (b"host", b"a")
    assert judge_head("1.1", b"/", [host], body_limit=10) is None
    assert judge_head("1.1", b"/", [host, (b"content-length", b"11")], body_limit=10) == (
        413,
        "the request body is too large",
    )
    assert judge_head("1.1", b"/", [host, (b"content-length", b"10")], body_limit=10) is None


# The end


def test_whoever_is_connected_at_the_end_may_send_a_first_request() -> None:
    """A reset would lose it; who sends none keeps the server no longer than `goodbye_seconds`."""

    class Patient(DeadlineProtocol):
        goodbye_seconds = 1.5

    ask = b"GET /here HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    with running(Patient) as server, server.connect() as silent, server.connect() as late, server.connect() as half:
        half.sendall(ask[:30])
        while server.connections < 3:
            time.sleep(0.01)
        server.server.should_exit = True
        while not refuses(server):
            time.sleep(0.01)
        half.sendall(ask[30:])
        assert [read_all(half)[:15], exchange(late, ask)[:15]] == [b"HTTP/1.1 200 OK"] * 2
        began = time.monotonic()
        assert read_all(silent) == b""
        assert time.monotonic() - began < 10


def refuses(server: Running) -> bool:
    try:
        with server.connect():
            return False
    except ConnectionError:
        return True
