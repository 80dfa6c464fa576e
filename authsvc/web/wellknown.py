"""What anybody may read: JWKS, discovery, the API description, health, metrics. Served with every store down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from authsvc.flows.caller.client_certificate import offered_tls_methods
from authsvc.flows.keys.sign import offered_algorithms
from authsvc.metrics import exposition
from authsvc.rules.discovery import Described, Lines, document
from authsvc.rules.errors import Unavailable
from authsvc.runtime import Runtime
from authsvc.web.http.cors import public_preflight
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import NotFound
from authsvc.web.http.reply import Headers, Reply, json_reply
from authsvc.web.http.request import Request
from authsvc.web.pages.authorization_answer import see
from authsvc.web.pages.brand import look_of, static_file
from authsvc.web.pages.failure_page import page_or_json_failure, wants_page

MAX_SKEW_SECONDS = 30.0
SILENCE_SECONDS = 3.0
"""PostgreSQL may be silent this long before a replica asks the balancer to look elsewhere."""


async def jwks(request: Request) -> Reply:
    """RFC 7517 section 5; bytes and ETag were made when the keys changed, not now."""
    document = request.runtime.keyring.jwks
    if document is None:
        raise Unavailable("no_keys_yet")
    return public(request, document.body, document.etag, request.runtime.settings.jwks_max_age)


def metadata(path: str, contributions: Sequence[Lines]) -> Route:
    """The route of a metadata document (RFC 8414 section 3, OpenID Connect Discovery 1.0 section 4)."""

    async def answer(request: Request) -> Reply:
        settings = request.runtime.settings
        described = Described(
            issuer=settings.issuer,
            pushed_only=settings.require_pushed_authorization_requests,
            registration=settings.client_registration != "off",
            documents=settings.client_id_metadata_documents,
            algorithms=offered_algorithms(request.runtime),
            tls_methods=offered_tls_methods(settings),
            mtls_url=settings.mtls_url,
            fapi2=settings.profile == "fapi2",
        )
        body = json.dumps(document(described, contributions)).encode()
        return public(request, body, _etag(body))

    return Route(path, {"GET": answer, "OPTIONS": public_preflight}, page_or_json_failure)


async def openapi(request: Request) -> Reply:
    return public(request, _openapi_text(), _etag(_openapi_text()), content_type=b"application/yaml")


async def static(request: Request) -> Reply:
    """Style sheet, icon: their names carry the hash of their content. /favicon.ico is where browsers look for the icon
    before they have read a page."""
    name = request.path_params.get("name", "icon.svg")
    found = static_file(look_of(request.runtime.settings), name, request.header_list(b"if-none-match"))
    if found is None:
        raise NotFound
    return found


async def static_preflight(request: Request) -> Reply:
    """Frontends of other origins import the module; the pages' own style and icon are for nobody else."""
    return await public_preflight(request) if request.path_params["name"].endswith(".js") else Reply(204)


async def home(request: Request) -> Reply:
    """Where people land who type in nothing but the host: their account. For programs there is nothing here."""
    if not wants_page(request):
        raise NotFound
    return see("/account")


async def whole_service(_request: Request) -> Reply:
    """`OPTIONS *` (RFC 9110 section 9.3.7): that it answers is all there is to say of the service as a whole."""
    return Reply(204)


async def livez(_request: Request) -> Reply:
    """The process answers. No store is asked: restarting authsvc heals none of them."""
    return json_reply({"status": "ok"})


async def readyz(request: Request) -> Reply:
    """Whether refreshes can work here. Redis being away is a note, not a reason: it is in no path that matters."""
    problems = readiness_problems(request.runtime)
    degraded = [] if request.runtime.following.redis_trusted else ["redis"]
    answer = {"status": "unready" if problems else "ready", "problems": problems, "degraded": degraded}
    return json_reply(answer, 503 if problems else 200, [(b"retry-after", b"1")] if problems else None)


def readiness_problems(runtime: Runtime) -> list[str]:
    """Lower_snake words, empty when ready."""
    following = runtime.following
    found = {
        "draining": following.draining,
        "rollback_suspected": (suspected := runtime.db.suspended == "rollback_suspected"),
        "postgresql_silent": following.age() > SILENCE_SECONDS and not suspected,
        "schema_behind": not following.migrated,
        "no_signing_key": runtime.keyring.signing_kid(runtime.clock.now()) is None,
        "keys_not_opened": bool(runtime.keyring.unopened),
        "clock_skewed": abs(runtime.clock.skew_seconds) > MAX_SKEW_SECONDS,
    }
    return [problem for problem, present in found.items() if present]


async def metrics_page(request: Request) -> Reply:
    """On this port only where the settings say `main`; the default is a listener of its own."""
    if request.runtime.settings.metrics != "main":
        raise NotFound
    body, content_type = exposition.render()
    return Reply(200, body, [(b"content-type", content_type.encode("ascii")), (b"cache-control", b"no-store")])


def public(
    request: Request, body: bytes, etag: str, seconds: int = 300, content_type: bytes = b"application/json"
) -> Reply:
    """What any page may read, and anybody may keep for some seconds; 304 where the caller has it already (RFC 9110
    section 13.1.2)."""
    tag = etag.encode("ascii")
    headers: Headers = [
        (b"content-type", content_type),
        (b"cache-control", b"public, max-age=%d" % seconds),
        (b"etag", tag),
        (b"access-control-allow-origin", b"*"),
    ]
    return Reply(304, b"", headers) if request.has(tag) else Reply(200, body, headers)


def _etag(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:32]}"'


@cache
def _openapi_text() -> bytes:
    packed = files("authsvc").joinpath("openapi.yaml")
    if packed.is_file():
        return packed.read_bytes()
    return Path(__file__).parents[2].joinpath("openapi.yaml").read_bytes()


WHOLE_SERVICE = Route("*", {"OPTIONS": whole_service})
JWKS = (Route("/.well-known/jwks.json", {"GET": jwks, "OPTIONS": public_preflight}, page_or_json_failure),)
ROUTES = (
    Route("/", {"GET": home}, page_or_json_failure),
    Route("/static/{name}", {"GET": static, "OPTIONS": static_preflight}, page_or_json_failure),
    Route("/favicon.ico", {"GET": static}, page_or_json_failure),
    Route("/openapi.yaml", {"GET": openapi, "OPTIONS": public_preflight}, page_or_json_failure),
    Route("/livez", {"GET": livez}, page_or_json_failure),
    Route("/readyz", {"GET": readyz}, page_or_json_failure),
    Route("/metrics", {"GET": metrics_page}, page_or_json_failure),
)
