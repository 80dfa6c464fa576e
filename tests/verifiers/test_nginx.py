"""nginx asks the gate before it lets a request through: the example's own configuration, only its ports are others."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from authsvc_devkit.processes import die_with_parent
from authsvc_devkit.servers import Servers
from started import EXAMPLES, Example
from tests.support.proofs import Holder
from tests.support.replicas import free_port
from tests.verifiers.conftest import House, bent, open_house

PROGRAM = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
FILES = EXAMPLES / "nginx"

UNKNOWN_KID = "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6Im5ldyJ9.e30.AAAA"

AROUND = """
daemon off;
pid {root}/pid;
error_log {root}/error.log;
worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    include {root}/orders.conf;
}}
"""


class Orders(BaseHTTPRequestHandler):
    """The application behind nginx: says who it was told it is."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.headers['X-User']} by {self.headers['X-Client']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def orders() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Orders)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def nginx(house: House, orders: int) -> Iterator[httpx2.Client]:
    with Example(FILES / "gate.py", **house.env) as gate, before(gate, orders) as http:
        yield http


@contextmanager
def before(gate: Example, orders: int) -> Iterator[httpx2.Client]:
    """nginx in front of both, with everything of its own."""
    if PROGRAM is None:
        pytest.skip("nginx is not installed: auth_request was not tried")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="authsvc-nginx-", dir="/tmp") as directory:
        root = Path(directory)
        root.chmod(0o755)
        conf = (FILES / "orders.conf").read_text()
        for theirs, ours in ((9000, gate.port), (3000, orders), (8080, port)):
            assert conf.count(f"127.0.0.1:{theirs}") == 1
            conf = conf.replace(f"127.0.0.1:{theirs}", f"127.0.0.1:{ours}")
        (root / "orders.conf").write_text(conf)
        (root / "nginx.conf").write_text(AROUND.format(root=root))
        command = [PROGRAM, "-p", str(root), "-e", str(root / "error.log"), "-c", str(root / "nginx.conf")]
        process = subprocess.Popen(command, preexec_fn=die_with_parent(signal.SIGTERM))
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
                _await(process, http, root)
                yield http
        finally:
            process.terminate()
            process.wait(10)


def _await(process: subprocess.Popen[bytes], http: httpx2.Client, root: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            http.get("/")
            return
        except httpx2.TransportError:
            assert process.poll() is None, (root / "error.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _ask(nginx: httpx2.Client, authorization: str | None, **headers: str) -> httpx2.Response:
    said = {"Authorization": authorization} if authorization else {}
    return nginx.get("/orders/1?all=1", headers={**said, **headers})


def test_who_is_let_in_is_told_to_the_application(nginx: httpx2.Client, house: House) -> None:
    own = f"Bearer {house.own('orders.read')}"
    assert _ask(nginx, own).text == "verifier by verifier"
    forged = _ask(nginx, own, **{"X-User": "admin", "X-Client": "admin", "X-Original-URL": "x"})
    assert forged.text == "verifier by verifier"
    assert nginx.post("/orders/", headers={"Authorization": own}, content=b"a body").status_code == 200
    for path in ("/_gate/", "/_gate/orders.read"):
        assert nginx.get(path, headers={"Authorization": own}).status_code == 404, "nobody asks the gate but nginx"


def test_who_is_refused_hears_why(nginx: httpx2.Client, house: House) -> None:
    nothing = _ask(nginx, None)
    assert (nothing.status_code, nothing.headers["www-authenticate"]) == (401, "Bearer")
    wrong = _ask(nginx, f"Bearer {bent(house.own('orders.read'))}")
    assert (wrong.status_code, 'error="invalid_token"' in wrong.headers["www-authenticate"]) == (401, True)
    narrow = _ask(nginx, f"Bearer {house.own('api')}")
    assert narrow.status_code == 403
    assert 'error="insufficient_scope"' in narrow.headers["www-authenticate"]
    assert 'scope="orders.read"' in narrow.headers["www-authenticate"]
    malformed = _ask(nginx, "Bearer a b")
    assert (malformed.status_code, 'error="invalid_request"' in malformed.headers["www-authenticate"]) == (400, True)


def test_a_revoked_token_is_refused_within_a_second(nginx: httpx2.Client, house: House) -> None:
    token = house.own("orders.read")
    assert _ask(nginx, f"Bearer {token}").status_code == 200
    answer = house.http.post("/revoke", data={"token": token}, auth=("verifier", "verifier-secret"))
    assert answer.status_code == 200
    deadline = time.monotonic() + 5
    while (refused := _ask(nginx, f"Bearer {token}")).status_code == 200:
        assert time.monotonic() < deadline
    assert (refused.status_code, 'error="invalid_token"' in refused.headers["www-authenticate"]) == (401, True)


OURS = "https://orders.example.com"  # orders.conf


def test_a_bound_token_needs_the_proof_for_our_own_address(nginx: httpx2.Client, house: House) -> None:
    holder = Holder(None)
    for _ in range(2):  # the second time with the nonce that the first was given
        answer = house.http.post(
            "/token",
            data={"grant_type": "client_credentials", "scope": "orders.read"},
            auth=("verifier", "verifier-secret"),
            headers={"DPoP": holder.proof(htu=f"{house.issuer}/token")},
        )
        holder.nonce = answer.headers.get("dpop-nonce", holder.nonce)
    token = answer.json()["access_token"]
    proof = holder.proof(method="GET", token=token, htu=f"{OURS}/orders/1")
    assert _ask(nginx, f"DPoP {token}", DPoP=proof).status_code == 200
    replayed = _ask(nginx, f"DPoP {token}", DPoP=proof)
    assert (replayed.status_code, 'error="invalid_dpop_proof"' in replayed.headers["www-authenticate"]) == (401, True)
    bare = _ask(nginx, f"Bearer {token}")
    assert (bare.status_code, bare.headers["www-authenticate"].partition(" ")[0]) == (401, "DPoP")
    for scheme in ("http", "https"):
        elsewhere = holder.proof(method="GET", token=token, htu=f"{scheme}://evil.example/orders/1")
        for host in ({}, {"Host": "evil.example"}, {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}):
            assert _ask(nginx, f"DPoP {token}", DPoP=elsewhere, **host).status_code == 401, "Host is the caller's word"


async def test_trouble_is_never_called_a_bad_token(servers: Servers, base_env: dict[str, str], orders: int) -> None:
    async with open_house(servers, base_env) as house:
        with Example(FILES / "gate.py", **house.env) as gate, before(gate, orders) as nginx:
            good = f"Bearer {house.own('orders.read')}"
            assert _ask(nginx, good).status_code == 200
            house.replica.stop()
            assert _ask(nginx, good).status_code == 200, "what is known needs nobody"
            unknown = _ask(nginx, f"Bearer {UNKNOWN_KID}")
            assert (unknown.status_code, unknown.headers["retry-after"]) == (503, "5")
            gate.end()
            gone = _ask(nginx, good)
            assert (gone.status_code, gone.headers["retry-after"]) == (503, "5")
            assert "www-authenticate" not in gone.headers
