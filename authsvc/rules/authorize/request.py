"""The authorization request (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2.1, RFC 9700).

Two steps, because they fail differently: `prove` finds out where an answer may go at all (a failure is shown to the
person and sent nowhere); `judge` reads the rest (a failure is sent to the client). Code with PKCE S256, and without it
only for a confidential client with that policy.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any
from urllib.parse import urlencode, urlsplit

from authsvc.records import frozen
from authsvc.rules.authorize.claims_parameter import NO_CLAIMS, ClaimsRequest, read_claims_request
from authsvc.rules.authorize.redirect import matches
from authsvc.rules.client_record import MAX_DOCUMENT_URL, Client
from authsvc.rules.confirmation import UNBOUND, Confirmation, dpop_key
from authsvc.rules.levels import known
from authsvc.rules.refused import Refused
from authsvc.rules.resource import as_registered, read_resources
from authsvc.rules.scope import parse_scope, registered_part
from authsvc.rules.secret_digest import is_base64url_of_32
from authsvc.rules.token.audience import resources_of

RESPONSE_MODES = ("query", "form_post")
PROMPTS = ("none", "login", "consent", "select_account")
MAX_VALUE = 1024
"""Bytes of a value that is read or kept."""
MAX_STATE = 16_384
"""Bytes of `state`, which is only passed through: what an address can carry is less. Clients seal the way back into it,
deep links and all."""
MAX_NONCE = 4096
"""Bytes of `nonce`: with it an ID token must still be short enough to come back as a hint."""
MAX_REQUEST = 32_768
"""Bytes of a request as it waits in a page of ours, in JSON."""

# What is read, and how many bytes each may have; whatever else is sent is ignored (RFC 6749 section 3.1).
LIMITS = {
    "client_id": MAX_DOCUMENT_URL,
    "redirect_uri": 2000,
    "response_type": MAX_VALUE,
    "response_mode": MAX_VALUE,
    "scope": MAX_VALUE,
    "state": MAX_STATE,
    "nonce": MAX_NONCE,
    "code_challenge": MAX_VALUE,
    "code_challenge_method": MAX_VALUE,
    "prompt": MAX_VALUE,
    "max_age": MAX_VALUE,
    "ui_locales": MAX_VALUE,
    "login_hint": MAX_VALUE,
    "acr_values": MAX_VALUE,
    "id_token_hint": 8192,
    "claims": 2048,
    "resource": 2048,
    "request": 16_384,
    "request_uri": 2048,
    "registration": MAX_VALUE,
    "dpop_jkt": MAX_VALUE,
}
REQUEST_URI = "urn:ietf:params:oauth:request_uri:"
"""How the reference to a pushed request begins (RFC 9126 section 2.2). No other request_uri is ever followed."""


@frozen
class Asked:
    """The parameters of a request, those once sent. `repeated`: names of those that were sent more than once;
    `pushed`: the client itself brought it, to /par (RFC 9126); `reference`: by which the browser came with it, "" where
    it was not pushed."""

    parameters: Mapping[str, str]
    repeated: tuple[str, ...] = ()
    pushed: bool = False
    reference: str = ""


@frozen
class Unproved:
    """Client or redirect_uri is not proved: nothing may be sent anywhere."""

    reason: str


@frozen
class Proved:
    """Answers may go to `redirect_uri`, with `state` as it came; None where none came, or one that is too long to."""

    redirect_uri: str
    response_mode: str
    state: str | None


@frozen
class AuthorizationRequest:
    """A request that may be served, as it was asked."""

    client_id: str
    redirect_uri: str
    response_mode: str
    state: str | None
    scope: tuple[str, ...]
    code_challenge: str | None
    nonce: str | None
    prompt: frozenset[str]
    max_age: int | None
    resource: tuple[str, ...]
    claims: ClaimsRequest = NO_CLAIMS
    login_hint: str | None = None
    id_token_hint: str | None = field(repr=False, default=None)
    ui_locales: str | None = None
    bound_to: Confirmation = UNBOUND
    acr_values: tuple[str, ...] = ()
    """Contexts that the login should reach, the one that is liked best first (section 3.1.2.1)."""

    @property
    def acr_asked(self) -> tuple[str, ...]:
        """Contexts that were asked for by name, those that must be reached first."""
        return tuple(dict.fromkeys((*self.claims.acr, *self.acr_values, *self.claims.acr_wish)))

    @property
    def shown_scope(self) -> tuple[str, ...]:
        """What a person is asked to allow: the scope, and what single claims would open besides."""
        return tuple(dict.fromkeys((*self.scope, *self.claims.scopes)))


def read_pairs(pairs: Iterable[tuple[str, str]]) -> Asked:
    """The parameters that we know. Empty ones are as if omitted (RFC 6749 section 3.1); `resource` alone may come
    several times (RFC 8707 section 2), and is then a list with spaces between."""
    known = [(name, value) for name, value in pairs if name in LIMITS and value]
    counted = Counter(name for name, _ in known)
    repeated = tuple(name for name, times in counted.items() if times > 1 and name != "resource")
    parameters = {name: value for name, value in known if counted[name] == 1}
    if counted["resource"] > 1:
        parameters["resource"] = " ".join(value for name, value in known if name == "resource")
    return Asked(parameters, repeated)


def reference_in(request_uri: str) -> str | None:
    """The reference in a request_uri of our form; None: somebody else's."""
    reference = request_uri.removeprefix(REQUEST_URI)
    return reference if request_uri.startswith(REQUEST_URI) and is_base64url_of_32(reference) else None


def prove(parameters: Mapping[str, str], client: Client | None) -> Proved | Unproved:
    """Whether this client may be answered at this address."""
    if client is None:
        return Unproved("client_unknown")
    redirect_uri = parameters.get("redirect_uri")
    if not redirect_uri:
        return Unproved("redirect_uri_missing")
    if not matches(client.login.redirect_uris, client.login.application_type == "native", redirect_uri):
        return Unproved("redirect_uri_not_registered")
    state = parameters.get("state")
    if state is not None and _too_long(parameters, "state"):
        state = None  # `judge` tells the client so
    mode = parameters.get("response_mode")
    postable = urlsplit(redirect_uri).scheme in ("http", "https")
    return Proved(redirect_uri, "form_post" if mode == "form_post" and postable else "query", state)


def judge(
    asked: Asked, client: Client, proved: Proved, *, issuer: str, pushed_only: bool = False
) -> AuthorizationRequest | Refused:
    """Read the rest of the request. `pushed_only`: of every client, not only of those with that policy."""
    if asked.repeated:
        return Refused("invalid_request", "A parameter was sent twice.", "parameter_duplicate")
    login = client.login
    pushed_only |= login.require_pushed_authorization_requests or login.require_signed_request_object
    if pushed_only and not asked.pushed:  # RFC 9126 section 5; an object in `request` is read at /par alone
        return Refused("invalid_request", "The request must be pushed to /par first.", "not_pushed")
    parameters = asked.parameters
    for rule in (_lengths, _response, _objects, _challenge):
        for refused in rule(parameters, client):
            return refused
    if parameters.get("response_mode", "query") != proved.response_mode:
        return Refused("invalid_request", "form_post needs an http redirect URI.", "response_mode_scheme")
    if "authorization_code" not in client.grant_types:
        return Refused("unauthorized_client", "This client may not ask for codes.", "grant_type_not_allowed")
    asked_scope = parse_scope(parameters.get("scope", ""))
    scope = None if asked_scope is None else registered_part(client.tokens.scopes, asked_scope)
    if scope is None:
        return Refused(
            "invalid_scope", "The scope is malformed, or none of it is registered for this client.", "scope_not_allowed"
        )
    prompt = frozenset(parameters.get("prompt", "").split(" ")) - {""}
    if not prompt <= set(PROMPTS) or ("none" in prompt and len(prompt) > 1):
        return Refused("invalid_request", "The prompt is not supported.", "prompt_malformed")
    max_age = parameters.get("max_age")
    if max_age is not None and not (max_age.isascii() and max_age.isdigit() and len(max_age) <= 9):
        return Refused("invalid_request", "max_age must be a number of seconds.", "max_age_malformed")
    resources = resources_of(client, issuer)
    resource = as_registered(read_resources(parameters.get("resource", "")), resources)
    if not set(resource) <= resources:
        return Refused("invalid_target", "The resource is not known for this client.", "resource_not_allowed")
    tokens = client.tokens
    claims = read_claims_request(parameters.get("claims"), tokens.scopes, aliases=tokens.claim_aliases)
    if isinstance(claims, str):
        error = "unmet_authentication_requirements" if claims == "acr_not_reachable" else "invalid_request"
        return Refused(error, "The claims parameter cannot be served.", claims)
    return AuthorizationRequest(
        client_id=client.id,
        redirect_uri=proved.redirect_uri,
        response_mode=proved.response_mode,
        state=proved.state,
        scope=scope,
        code_challenge=parameters.get("code_challenge"),
        nonce=parameters.get("nonce"),
        prompt=prompt,
        max_age=None if max_age is None else int(max_age),
        resource=resource,
        claims=claims,
        login_hint=parameters.get("login_hint"),
        id_token_hint=parameters.get("id_token_hint"),
        ui_locales=parameters.get("ui_locales"),
        bound_to=dpop_key(parameters.get("dpop_jkt", "")),
        acr_values=known(parameters.get("acr_values", "").split(" ")),
    )


def _response(parameters: Mapping[str, str], _client: Client) -> Iterator[Refused]:
    if parameters.get("response_type") != "code":
        missing = "response_type" not in parameters
        error = "invalid_request" if missing else "unsupported_response_type"
        yield Refused(error, "The response_type must be code.", "response_type")
    if parameters.get("response_mode", "query") not in RESPONSE_MODES:
        yield Refused("invalid_request", "The response_mode must be query or form_post.", "response_mode")


def _objects(parameters: Mapping[str, str], _client: Client) -> Iterator[Refused]:
    if "request" in parameters:
        yield Refused("request_not_supported", "Request objects are accepted at /par only.", "request_object")
    if "request_uri" in parameters:
        yield Refused("request_uri_not_supported", "Only pushed request URIs are accepted.", "request_uri")
    if "registration" in parameters:
        yield Refused("registration_not_supported", "Register the client first.", "registration")


def needs_pkce(client: Client) -> bool:
    """Whether every code of a client is bound to a code_challenge. One that cannot authenticate has nothing else."""
    return client.login.pkce == "required" or not client.confidential


def _challenge(parameters: Mapping[str, str], client: Client) -> Iterator[Refused]:
    challenge = parameters.get("code_challenge", "")
    if not needs_pkce(client) and {"code_challenge", "code_challenge_method"}.isdisjoint(parameters):
        opens_id = "openid" in parameters.get("scope", "").split(" ")
        if client.login.pkce == "nonce" and opens_id and "nonce" not in parameters:
            yield Refused("invalid_request", "Send a code_challenge (PKCE), or a nonce.", "pkce_and_nonce_missing")
        return
    if "code_challenge" not in parameters:
        yield Refused("invalid_request", "PKCE is required: code_challenge is missing.", "pkce_missing")
    if parameters.get("code_challenge_method") != "S256":
        yield Refused("invalid_request", "The code_challenge_method must be S256.", "pkce_method")
    if not is_base64url_of_32(challenge):
        yield Refused("invalid_request", "The code_challenge is malformed.", "pkce_malformed")
    if "dpop_jkt" in parameters and not is_base64url_of_32(parameters["dpop_jkt"]):
        yield Refused("invalid_request", "The dpop_jkt is malformed.", "dpop_jkt_malformed")


def _lengths(parameters: Mapping[str, str], _client: Client) -> Iterator[Refused]:
    for name in parameters:
        if _too_long(parameters, name):
            yield Refused("invalid_request", f"The parameter {name} is too long.", f"{name}_too_long")
    whole = json.dumps(dict(parameters), ensure_ascii=False).encode("utf-8", "surrogatepass")
    if len(whole) > MAX_REQUEST:
        yield Refused("invalid_request", "The request is too long.", "request_too_long")


def _too_long(parameters: Mapping[str, str], name: str) -> bool:
    return len(parameters[name].encode("utf-8", "surrogatepass")) > LIMITS[name]


def answer_parameters(issuer: str, state: str | None, **values: Any) -> dict[str, str]:
    """What is sent back: `iss` always (RFC 9207), `state` byte for byte as it came."""
    answer = {name: str(value) for name, value in values.items() if value is not None}
    if state is not None:
        answer["state"] = state
    return {**answer, "iss": issuer}


def redirect_location(redirect_uri: str, parameters: Mapping[str, str]) -> str:
    """The redirect URI with the answer in its query."""
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(parameters)}"
