"""Clients that nobody registered: their client_id is the address of a document that says what they are
(draft-ietf-oauth-client-id-metadata-document-03).

Whoever has a page on a host can write such a document. So the host is all that is known of the client: people read it
beside the name, its codes go to that host or to the person's own device, and its keys are on that host. What the
document says beyond what is for us is passed over, for it was written for many services; what it must not say refuses
all of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from authsvc.reason import Reason
from authsvc.rules.authorize.redirect import can_only_be_native, origins_of
from authsvc.rules.client_record import MAX_DOCUMENT_URL, Authentication, Client, Login
from authsvc.rules.clients.judge_client import registrant_scopes
from authsvc.rules.clients.registration import read_metadata
from authsvc.rules.clients.strangers import Strangers
from authsvc.rules.refused import Refused

MAX_BYTES = 10 * 1024
"""Of a document. The draft (section 8.7) speaks of 5 KiB; keys in it take more."""
FRESH_SECONDS = (60.0, 86_400.0)
"""The bounds within which the Cache-Control of a document is obeyed (section 5.2)."""
USUAL_SECONDS = 600.0
"""How long a document is fresh that says nothing of it."""
PAUSE_SECONDS = 10.0
"""Between two tries to read a document that could not be read. It is a pause, and no failure that is cached (section
5.2): the next try is another request."""
LAST_KNOWN_SECONDS = 7 * 86_400
"""How long what a client was at the last good reading serves for its refreshes, while its host is away."""
NOBODYS_TOKEN = bytes(32)
"""Digest in place of that of a token for the registration: there is no such registration, and no token of this digest.
Whatever holds for clients that registered themselves holds for these, then."""

_GRANT_TYPES = ("authorization_code", "refresh_token")
_METHODS = ("none", "private_key_jwt")
_FORBIDDEN = ("client_secret", "client_secret_expires_at")
_READ = (
    *("client_name", "redirect_uris", "response_types", "jwks", "jwks_uri", "subject_type", "application_type"),
    *("id_token_signed_response_alg", "access_token_signed_response_alg", "dpop_bound_access_tokens"),
    *("require_pushed_authorization_requests", "policy_uri", "tos_uri"),
)
_HOST = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PATH = r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]*)+"
_URL = re.compile(rf"https://{_HOST}(?::[1-9][0-9]{{0,4}})?{_PATH}").fullmatch
_LOCAL_URL = re.compile(rf"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::[1-9][0-9]{{0,4}})?{_PATH}").fullmatch
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def url_problem(client_id: str, *, loopback: bool) -> Reason | None:
    """Why no document is read at such a client_id, as a reason; None: it may be asked. One client has one spelling, for
    it is compared character by character (section 3): a plain host name in small letters, no port that it has anyway,
    no query, no percent signs, no dot segments. `loopback`: development, this machine will do, also by http://."""
    if len(client_id) > MAX_DOCUMENT_URL:
        return "client_document_url"
    if not (_URL(client_id) or (loopback and _LOCAL_URL(client_id))):
        return "client_document_url"
    parts = urlsplit(client_id)
    if not {".", ".."}.isdisjoint(parts.path.split("/")) or parts.netloc.endswith((":443", ":80")):
        return "client_document_url"
    return None


def host_of(client_id: str) -> str:
    """The host and port that vouch for a client, as people read them."""
    return urlsplit(client_id).netloc


def host_allowed(client_id: str, hosts: Collection[str], blocked: Collection[str]) -> bool:
    """Whether an operator lets documents of this host be read. A word that begins with a dot is all below that name;
    no `hosts`: every one that is not blocked."""
    host = urlsplit(client_id).hostname or ""
    return not _is_among(host, blocked) and (not hosts or _is_among(host, hosts))


def _is_among(host: str, words: Collection[str]) -> bool:
    return any(host == word.lstrip(".") or (word.startswith(".") and host.endswith(word)) for word in words)


def fresh_seconds(cache_control: str) -> float:
    """How long a document is fresh, by its Cache-Control (RFC 9111 section 5.2.2), within our bounds."""
    directives = [part.strip(" \t").lower().partition("=") for part in cache_control.split(",")]
    said = {name: value.strip('"') for name, _, value in directives}
    least, most = FRESH_SECONDS
    if not {"no-store", "no-cache"}.isdisjoint(said):
        return least
    age = said.get("max-age", "")
    if not (age.isascii() and age.isdigit()):
        return USUAL_SECONDS
    return min(max(float(age[:10]), least), most)


def base_client(url: str, strangers: Strangers) -> Client:
    """Who such a client is before its document is read: nobody, with what the operator lets strangers be."""
    return Client(
        id=url,
        name="",
        kind="public",
        authentication=Authentication(registration_hash=NOBODYS_TOKEN, stranger=True),
        login=Login(),
        tokens=strangers.tokens,
    )


def read_document(document: Any, base: Client) -> Client | Refused:
    """The client of a document, still to be judged as a registrant's (`judge_client`). `base`: as `base_client` made
    it. Its name is its own word yet: `with_host` adds who vouches for it."""
    url = base.id
    if not isinstance(document, Mapping):
        return _wrong("The document is no JSON object.", "client_document_malformed")
    if document.get("client_id") != url:  # section 4: simple string comparison
        return _wrong("The client_id of the document is not its address.", "client_document_other_id")
    for name in _FORBIDDEN:
        if name in document:
            return _wrong(f"The document must not hold a {name}.", f"client_document_{name}")
    method = document.get("token_endpoint_auth_method") or "none"
    if method not in _METHODS:
        return _wrong(
            f"The token_endpoint_auth_method of a document must be one of {', '.join(_METHODS)}.",
            "client_document_auth_method",
        )
    grants = _grant_types(document)
    read = {name: document[name] for name in _READ if name in document}
    read |= {"token_endpoint_auth_method": method, "grant_types": grants}
    read.setdefault("client_name", host_of(url))
    if refused := _other_hosts(read, url):
        return refused
    allowed = (*registrant_scopes(frozenset(grants)), *base.tokens.scopes)
    scope = document.get("scope")
    words = scope.split(" ") if isinstance(scope, str) else allowed
    kept = [word for word in allowed if word in words]
    if not kept:
        return _wrong("The document names no scope that there is here.", "client_document_scope")
    uris = read.get("redirect_uris")
    if isinstance(uris, list) and any(isinstance(uri, str) and can_only_be_native((uri,)) for uri in uris):
        read["application_type"] = "native"  # on loopback any port will do (RFC 8252 section 7.3)
    return read_metadata(read | {"scope": " ".join(kept)}, base)


def with_host(client: Client) -> Client:
    """Named so that nobody reads the name without the host that vouches for it: in every list, page and mail. A judged
    name holds no bracket (`name_is_plain`), so that what stands in the last ones is ours."""
    host = host_of(client.id)
    return client if client.name == host else replace(client, name=f"{client.name} ({host})")


def name_is_plain(client: Client) -> Refused | None:
    """A name with brackets could pretend to another host."""
    if {"(", ")"}.isdisjoint(client.name):
        return None
    return _wrong("The client_name of a document holds no brackets.", "client_document_name")


def _grant_types(document: Mapping[str, Any]) -> list[str]:
    said = document.get("grant_types")
    if not isinstance(said, list):
        return ["authorization_code"]
    return [name for name in _GRANT_TYPES if name in said or name == "authorization_code"]


def _other_hosts(read: Mapping[str, Any], url: str) -> Refused | None:
    """What is at another host than the document is somebody else's (section 8.1). A list of hosts that an operator made
    would be worth nothing, if their documents could name keys anywhere."""
    uris: Sequence[Any] = read["redirect_uris"] if isinstance(read.get("redirect_uris"), list) else ()
    if not all(isinstance(uri, str) and _is_at_home(uri, url) for uri in uris):
        return Refused(
            "invalid_redirect_uri",
            "The redirect_uris of a document are at its own origin, or on the person's device (http, loopback).",
            "client_document_redirect_elsewhere",
        )
    keys = read.get("jwks_uri")
    if isinstance(keys, str) and origins_of([keys]) != origins_of([url]):
        return _wrong("The jwks_uri of a document is at its own origin.", "client_document_keys_elsewhere")
    return None


def _is_at_home(uri: str, url: str) -> bool:
    try:
        parts = urlsplit(uri)
        on_device = parts.scheme == "http" and parts.hostname in _LOOPBACK
        return on_device or origins_of([uri]) == origins_of([url])
    except ValueError:
        return False


def _wrong(description: str, reason: str) -> Refused:
    return Refused("invalid_client_metadata", description, reason)
