"""An issuer over real HTTP whose every answer a test may bend: JWKS, discovery, introspection, and the feed."""

from __future__ import annotations

import json
import threading
import time
import zlib
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

AUDIENCE = "https://orders.example"
Write = Callable[[str], None]
Stream = Callable[["FakeIssuer", str | None, Write], None]
"""(the issuer, Last-Event-ID, write): one connection to the feed; it ends when this returns."""

RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def public_jwk(key: Any, kid: str, alg: str = "RS256", **members: Any) -> dict[str, Any]:
    document = jwt.get_algorithm_by_name(alg).to_jwk(key.public_key(), as_dict=True)
    return {**document, "kid": kid, "alg": alg, "use": "sig", **members}


def packed_list(raw: bytes) -> str:
    """`lst` (draft-ietf-oauth-status-list section 4.2)."""
    return urlsafe_b64encode(zlib.compress(raw, 9)).decode().rstrip("=")


def event(name: str, data: object, number: int | None = None) -> str:
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n"


class FakeIssuer:
    """`streams`: what the connections to the feed get, in turn; the last serves all further ones."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [public_jwk(RSA_KEY, "one")]
        self.requests: Counter[str] = Counter()
        self.resumed: list[str | None] = []
        self.failing: set[str] = set()
        self.revoked: set[str] = set()
        self.streams: list[Stream] = []
        self.lists: dict[str, str] = {}
        self.list_headers: dict[str, str] = {}
        self.metadata: dict[str, Any] = {}
        self.delay = 0.0
        self.now = time.time
        self.over = threading.Event()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                issuer._answer(self, "")

            def do_POST(self) -> None:
                issuer._answer(self, self.rfile.read(int(self.headers["Content-Length"])).decode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler, body: str) -> None:
        path = request.path.partition("?")[0]
        self.requests[path] += 1
        time.sleep(self.delay)
        if path in self.failing:
            self._send(request, 503, {"error": "temporarily_unavailable"})
        elif path == "/revocations/stream":
            self._stream(request)
        elif path == "/token":
            self._send(request, 200, {"access_token": "feed-token", "token_type": "Bearer", "expires_in": 300})
        elif path == "/introspect":
            self._send(request, 200, {"active": parse_qs(body)["token"][0] not in self.revoked})
        elif path == "/jwks":
            self._send(request, 200, {"keys": self.keys})
        elif path in self.lists:
            self._send_list(request, self.lists[path].encode())
        elif path == "/.well-known/openid-configuration":
            self._send(request, 200, self._metadata())
        else:
            self._send(request, 404, {})

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint": f"{self.url}/token",
            "introspection_endpoint": f"{self.url}/introspect",
            "revocations_stream_endpoint": f"{self.url}/revocations/stream",
            **self.metadata,
        }

    def _send(self, request: BaseHTTPRequestHandler, status: int, document: object) -> None:
        raw = json.dumps(document).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(raw)))
        request.end_headers()
        request.wfile.write(raw)

    def _send_list(self, request: BaseHTTPRequestHandler, raw: bytes) -> None:
        etag = f'"{sha256(raw).hexdigest()[:8]}"'
        same = request.headers["If-None-Match"] == etag
        self.requests["not modified"] += same
        request.send_response(304 if same else 200)
        for name, value in {"ETag": etag, "Content-Type": "application/statuslist+jwt", **self.list_headers}.items():
            request.send_header(name, value)
        if not same:
            request.send_header("Content-Length", str(len(raw)))
        request.end_headers()
        request.wfile.write(b"" if same else raw)

    def _stream(self, request: BaseHTTPRequestHandler) -> None:
        self.resumed.append(request.headers["Last-Event-ID"])
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.send_header("Connection", "close")
        request.end_headers()
        number = min(len(self.resumed), len(self.streams)) - 1

        def write(text: str) -> None:
            request.wfile.write(text.encode())
            request.wfile.flush()

        try:
            self.streams[number](self, request.headers["Last-Event-ID"], write)
        except OSError:
            pass
        request.close_connection = True

    def snapshot(self, sequence: int, entries: Iterable[dict[str, Any]] = (), beat: float = 5) -> str:
        document = {"issuer": self.url, "sequence": sequence, "heartbeat_seconds": beat, "revocations": list(entries)}
        return event("snapshot", document, sequence)

    def token(
        self,
        key: PrivateKeyTypes = RSA_KEY,
        kid: str = "one",
        alg: str = "RS256",
        typ: str = "at+jwt",
        header: dict[str, Any] | None = None,
        drop: Iterable[str] = (),
        **claims: Any,
    ) -> str:
        now = int(self.now())
        full = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "user-1",
            "client_id": "shop",
            "scope": "orders.read profile",
            "iat": now,
            "exp": now + 600,
            "jti": "jti-1",
            "sid": "sid-1",
            "auth_time": now - 60,
            "acr": "urn:example:password",
            "roles": ["customer"],
            **claims,
        }
        for name in drop:
            del full[name]
        return self._sign(full, key, alg, {"kid": kid, "typ": typ, **(header or {})})

    def listed(self, index: int, path: str = "/lists/1", **claims: Any) -> str:
        """A token whose status is in the list at `path`."""
        return self.token(**{"status": {"status_list": {"idx": index, "uri": self.url + path}}, **claims})

    def status_list(
        self,
        statuses: Mapping[int, int] | None = None,
        *,
        path: str = "/lists/1",
        size: int = 1000,
        bits: int = 1,
        key: PrivateKeyTypes = RSA_KEY,
        kid: str = "one",
        alg: str = "RS256",
        header: dict[str, Any] | None = None,
        drop: Iterable[str] = (),
        **claims: Any,
    ) -> str:
        """A status list token; `statuses` by index, the others are 0."""
        packed = bytearray(size * bits // 8)
        for index, status in (statuses or {}).items():
            packed[index * bits >> 3] |= status << (index * bits & 7)
        now = int(self.now())
        full = {
            "sub": self.url + path,
            "iat": now,
            "exp": now + 600,
            "ttl": 60,
            "status_list": {"bits": bits, "lst": packed_list(bytes(packed))},
            **claims,
        }
        for name in drop:
            del full[name]
        return self._sign(full, key, alg, {"kid": kid, "typ": "statuslist+jwt", **(header or {})})

    def _sign(self, claims: dict[str, Any], key: PrivateKeyTypes, alg: str, headers: dict[str, Any]) -> str:
        return jwt.api_jws.PyJWS().encode(json.dumps(claims).encode(), key, alg, headers)  # type: ignore[arg-type]


def entry(kind: str, subject: str, number: int = 1, **members: Any) -> dict[str, Any]:
    return {"sequence": number, "kind": kind, "subject": subject, "expires_at": int(time.time()) + 600, **members}


def quiet(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
    """A feed with nothing in it and a heartbeat each 50 ms."""
    write("retry: 1000\n\n")
    if last_id is None:
        write(issuer.snapshot(1))
    while not issuer.over.wait(0.05):
        write(event("heartbeat", {"sequence": 1}))
