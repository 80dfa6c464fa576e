"""What is asked of the service: every grant, every endpoint of the protocol, and what it says to bad requests.

The clients are rows that name no column which came after the recording: they have no policy of later versions.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import asyncpg
import httpx2

from tests.recorded.keyed import KEYED, keyed
from tests.recorded.transcript import Patient, Transcript

CALLBACK = "https://app.example/callback"
VERIFIER = "a-verifier-of-the-recording-of-43-characters-and-more"
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
SECRET = "of-the-recording"
WEB, SVC, EXCHANGER = ("rec-web", SECRET), ("rec-svc", SECRET), ("rec-exchanger", SECRET)
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
API, KITCHEN = "https://api.example", "https://kitchen.example"
INITIAL = "an-initial-access-token-of-the-recording".ljust(43, "x")
LOGIN = {"email": "test@example.com", "password": "password"}
CLIENTS: dict[str, dict[str, Any]] = {
    "rec-spa": {"first_party": True, "grant_types": ["authorization_code", "refresh_token"]},
    "rec-web": {"secret": True, "grant_types": ["authorization_code", "refresh_token"]},
    "rec-pair": {"secret": True, "grant_types": ["authorization_code"], "subject_type": "pairwise"},
    "rec-tv": {"grant_types": [DEVICE, "refresh_token"], "redirect_uris": []},
    "rec-svc": {
        "secret": True,
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "scopes": ["api", "reports"],
        "introspection": True,
    },
    "rec-exchanger": {
        "secret": True,
        "grant_types": [EXCHANGE],
        "redirect_uris": [],
        "scopes": ["openid", "profile"],
        "exchange_audiences": [API],
        "exchange_subjects": [KITCHEN],
    },
    "rec-caller": {"first_party": True, "grant_types": ["authorization_code", "refresh_token"], "audiences": [KITCHEN]},
    "rec-keyed": {"grant_types": ["client_credentials"], "redirect_uris": [], "scopes": ["api"], **KEYED},
}


async def register(sql: asyncpg.Connection) -> None:
    for name, policy in CLIENTS.items():
        secret = [sha256(SECRET.encode()).digest()] if policy.get("secret") else []
        columns = {
            "id": name,
            "name": name.title(),
            "kind": "confidential" if secret or "jwks" in policy else "public",
            "secret_hashes": secret,
            "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": ["https://app.example/bye"],
            "scopes": ["openid", "profile", "email", "roles", "offline_access"],
            **{key: value for key, value in policy.items() if key != "secret"},
        }
        places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        await sql.execute(f"INSERT INTO clients ({', '.join(columns)}) VALUES ({places})", *columns.values())
    await sql.execute(
        """INSERT INTO registration_tokens (digest, uses_left, created_by, expires_at)
           VALUES ($1, 5, 'tests', now() + interval '1 hour')""",
        sha256(INITIAL.encode()).digest(),
    )


def authorization(client: str = "rec-spa", **changed: str | None) -> str:
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": CALLBACK,
        "scope": "openid profile email",
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changed,
    }
    return "/authorize?" + urlencode({key: value for key, value in parameters.items() if value is not None})


def code_form(code: str, **changed: str | None) -> dict[str, str]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        **changed,
    }
    return {key: value for key, value in form.items() if value is not None}


async def through_pages(http: httpx2.AsyncClient, answer: httpx2.Response, decision: str = "allow") -> httpx2.Response:
    """Fill in the pages that come, until one leads to somebody else or asks nothing more."""
    for _ in range(8):
        target = answer.headers.get("location")
        action = re.search(r'<form method="post" action="([^"]*)"', answer.text)
        if target is not None:
            if urlsplit(target).netloc.endswith(".example"):
                return answer
            answer = await http.get(urljoin(str(answer.url), target))
        elif action is not None and answer.status_code == 200:
            fields = {}
            for tag in re.findall(r"<input[^>]*>", answer.text):
                attributes = dict(re.findall(r'([a-z_-]+)="([^"]*)"', tag))
                if attributes.get("type") in ("hidden", "text") and "value" in attributes:
                    fields[unescape(attributes["name"])] = unescape(attributes["value"])
            if action[1] == "/login":
                fields |= {"username": LOGIN["email"], "password": LOGIN["password"]}
            else:
                fields["decision"] = decision
            answer = await http.post(urljoin(str(answer.url), unescape(action[1])), data=fields)
        else:
            return answer
    raise AssertionError("no end of pages")


def code_of(answer: httpx2.Response) -> str:
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]


async def metadata(to: Transcript) -> None:
    await to.ask("discovery", "GET", "/.well-known/openid-configuration")
    await to.ask("authorization server metadata", "GET", "/.well-known/oauth-authorization-server")
    await to.ask("jwks", "GET", "/.well-known/jwks.json")
    await to.ask("unknown path", "GET", "/nothing-is-here")
    await to.ask("livez", "GET", "/livez")
    asks = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    await to.ask("preflight of a client's page", "OPTIONS", "/token", headers=asks)
    await to.ask(
        "preflight of a stranger's page", "OPTIONS", "/token", headers={**asks, "Origin": "https://evil.example"}
    )


async def authorize(to: Transcript) -> dict[str, str]:
    """/authorize, from bad requests to codes; the codes that are left."""
    refusals: dict[str, dict[str, str | None]] = {
        "no redirect URI": {"redirect_uri": None},
        "a stranger's redirect URI": {"redirect_uri": "https://evil.example/"},
        "no response type": {"response_type": None},
        "an implicit request": {"response_type": "token"},
        "no code_challenge": {"code_challenge": None, "code_challenge_method": None},
        "a plain code_challenge": {"code_challenge_method": "plain"},
        "an unknown scope": {"scope": "openid admin"},
        "no scope": {"scope": None},
        "an unknown prompt": {"prompt": "dance"},
        "prompt=none and nobody logged in": {"prompt": "none"},
        "a request object that is none": {"request": "rubbish"},
        "a request_uri of nobody": {"request_uri": "urn:nothing"},
        "an unknown response mode": {"response_mode": "pigeon"},
        "an unknown client": {"client_id": "nobody"},
    }
    await to.ask("authorize: nothing", "GET", "/authorize")
    for name, changed in refusals.items():
        await to.ask(f"authorize: {name}", "GET", authorization(**changed))
    await to.ask("authorize: no code_challenge, confidential", "GET", authorization("rec-web", code_challenge=None))
    await to.ask("authorize: the login page", "GET", authorization())
    wrong = await through_pages(to.http, await to.http.get(authorization("rec-web")), "deny")
    to.note("authorize: denied", wrong)
    codes = {}
    for client in ("rec-spa", "rec-web", "rec-pair"):
        scope = "openid profile email" + " offline_access" * (client == "rec-web")
        answer = await through_pages(to.http, await to.http.get(authorization(client, scope=scope)))
        to.note(f"authorize: a code for {client}", answer)
        codes[client] = code_of(answer)
    for name in ("other verifier", "no verifier", "other redirect URI", "other client"):
        codes[name] = code_of(await to.ask(f"authorize: silently, {name}", "GET", authorization(prompt="none")))
    await to.ask("authorize: form_post", "GET", authorization(response_mode="form_post"))
    await to.ask("authorize: an ID token's claim", "GET", authorization(claims='{"id_token":{"email":null}}'))
    return codes


async def codes(to: Transcript, given: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Codes at /token; the token answers by client."""
    spa = {"client_id": "rec-spa"}
    bad = {
        "other verifier": {"code_verifier": VERIFIER[::-1], **spa},
        "no verifier": {"code_verifier": None, **spa},
        "other redirect URI": {"redirect_uri": "https://app.example/other", **spa},
        "other client": {"client_id": "rec-tv"},
    }
    for name, changed in bad.items():
        await to.ask(f"code: {name}", "POST", "/token", data=code_form(given[name], **changed))
    await to.ask("code: rubbish", "POST", "/token", data=code_form("rubbish", **spa))
    found = {}
    for client in ("rec-spa", "rec-web", "rec-pair"):
        auth = None if client == "rec-spa" else (client, SECRET)
        form = code_form(given[client], **({} if auth else spa))
        answer = await to.ask(f"code: {client}", "POST", "/token", data=form, auth=auth)
        found[client] = answer.json()
    return found


async def client_proofs(to: Transcript) -> None:
    form = {"grant_type": "client_credentials"}
    basic = b64encode(b"rec-svc:wrong").decode()
    await to.ask("credentials: basic", "POST", "/token", data=form, auth=SVC)
    both = {**form, "client_id": SVC[0], "client_secret": SVC[1], "scope": "api"}
    await to.ask("credentials: post", "POST", "/token", data=both)
    await to.ask("credentials: wrong secret", "POST", "/token", data=form, headers={"Authorization": f"Basic {basic}"})
    await to.ask("credentials: wrong secret in the form", "POST", "/token", data={**both, "client_secret": "wrong"})
    await to.ask("credentials: no client", "POST", "/token", data=form)
    await to.ask("credentials: no secret", "POST", "/token", data={**form, "client_id": SVC[0]})
    await to.ask("credentials: two ways", "POST", "/token", data=both, auth=SVC)
    await to.ask("credentials: unknown scope", "POST", "/token", data={**form, "scope": "api admin"}, auth=SVC)
    await to.ask("credentials: openid", "POST", "/token", data={**form, "scope": "openid"}, auth=SVC)
    await to.ask("credentials: other grant", "POST", "/token", data={"grant_type": "refresh_token"}, auth=SVC)
    await to.ask("credentials: not its grant", "POST", "/token", data=form, auth=WEB)
    await to.ask("token: unknown grant", "POST", "/token", data={"grant_type": "password"}, auth=SVC)
    await to.ask("token: no grant", "POST", "/token", data={}, auth=SVC)
    await to.ask(
        "token: twice the same",
        "POST",
        "/token",
        content="grant_type=a&grant_type=b",
        auth=SVC,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    await to.ask("token: JSON", "POST", "/token", json=form, auth=SVC)
    await to.ask("token: GET", "GET", "/token")
    await to.ask(
        "token: an assertion that is none",
        "POST",
        "/token",
        data={
            **form,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": "rubbish",
        },
    )
    await to.ask("token: a DPoP proof that is none", "POST", "/token", data=form, auth=SVC, headers={"DPoP": "rubbish"})


async def refreshes(to: Transcript, tokens: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The newest tokens of rec-web afterwards."""
    form = {"grant_type": "refresh_token", "refresh_token": tokens["rec-web"]["refresh_token"]}
    answer = await to.ask("refresh", "POST", "/token", data=form, auth=WEB)
    await to.ask("refresh: the same again", "POST", "/token", data=form, auth=WEB)
    narrow = {**form, "refresh_token": answer.json()["refresh_token"], "scope": "openid email"}
    found: dict[str, Any] = (await to.ask("refresh: narrower", "POST", "/token", data=narrow, auth=WEB)).json()
    wide = {**narrow, "refresh_token": found["refresh_token"], "scope": "openid roles"}
    await to.ask("refresh: wider", "POST", "/token", data=wide, auth=WEB)
    await to.ask("refresh: rubbish", "POST", "/token", data={**form, "refresh_token": "rubbish"}, auth=WEB)
    await to.ask("refresh: another client's", "POST", "/token", data={**form, "client_id": "rec-spa"})
    return found


async def resources(to: Transcript, tokens: dict[str, dict[str, Any]]) -> None:
    """What tokens open, and what is told of them."""
    web, spa = tokens["rec-web"], tokens["rec-spa"]
    kinds = {
        "access token": web["access_token"],
        "ID token": web["id_token"],
        "rubbish": "rubbish",
        "refresh token": web["refresh_token"],
        "pairwise": tokens["rec-pair"]["access_token"],
    }
    for name, token in kinds.items():
        await to.ask(f"userinfo: {name}", "GET", "/userinfo", headers={"Authorization": f"Bearer {token}"})
        await to.ask(f"introspect: {name}, a stranger asks", "POST", "/introspect", data={"token": token}, auth=SVC)
    await to.ask("userinfo: POST", "POST", "/userinfo", data={"access_token": spa["access_token"]})
    await to.ask("userinfo: nothing", "GET", "/userinfo")
    own = (await to.http.post("/token", data={"grant_type": "client_credentials"}, auth=SVC)).json()["access_token"]
    await to.ask("userinfo: a client's own token", "GET", "/userinfo", headers={"Authorization": f"Bearer {own}"})
    await to.ask("introspect: its own token", "POST", "/introspect", data={"token": own}, auth=SVC)
    await to.ask("introspect: nobody asks", "POST", "/introspect", data={"token": own})
    await to.ask("introspect: who may not asks", "POST", "/introspect", data={"token": own}, auth=WEB)
    await to.ask(
        "introspect: as a JWT",
        "POST",
        "/introspect",
        data={"token": own},
        auth=SVC,
        headers={"Accept": "application/token-introspection+jwt"},
    )
    await to.ask("profile", "GET", "/api/profile/me", headers={"Authorization": f"Bearer {spa['access_token']}"})
    await to.ask(
        "profile: an ID token", "GET", "/api/profile/me", headers={"Authorization": f"Bearer {spa['id_token']}"}
    )
    form = {"grant_type": EXCHANGE, "subject_token": spa["access_token"], "subject_token_type": ACCESS, "audience": API}
    await to.ask("exchange: not for it", "POST", "/token", data=form, auth=EXCHANGER)
    await to.ask(
        "exchange: other audience", "POST", "/token", data={**form, "audience": "https://x.example"}, auth=EXCHANGER
    )
    await to.ask(
        "exchange: a refresh token",
        "POST",
        "/token",
        data={**form, "subject_token": web["refresh_token"]},
        auth=EXCHANGER,
    )
    await to.ask(
        "exchange: an ID token", "POST", "/token", data={**form, "subject_token": spa["id_token"]}, auth=EXCHANGER
    )


async def exchanged(to: Transcript) -> None:
    """A token that a service got is exchanged for one that goes on."""
    for _ in range(20):  # what is left of the life of the other token is told in seconds: until none has passed
        login = await to.http.post("/api/auth/login", json={**LOGIN, "client_id": "rec-caller"})
        subject = login.json()["access_token"]
        form = {"grant_type": EXCHANGE, "subject_token": subject, "subject_token_type": ACCESS, "audience": API}
        answer = await to.http.post("/token", data=form, auth=EXCHANGER)
        if answer.json().get("expires_in") == login.json()["expires_in"]:
            break
        await to.http.post("/revoke", data={"token": login.json()["refresh_token"], "client_id": "rec-caller"})
    to.note("exchange", answer)
    await to.ask(
        "exchange: not its audience", "POST", "/token", data={**form, "audience": "https://x.example"}, auth=EXCHANGER
    )
    await to.ask("exchange: wider", "POST", "/token", data={**form, "scope": "openid reports"}, auth=EXCHANGER)


async def pushed(to: Transcript) -> None:
    parameters = dict(parse_qsl(urlsplit(authorization("rec-web")).query))
    answer = await to.ask("par", "POST", "/par", data=parameters, auth=WEB)
    await to.ask("par: no secret", "POST", "/par", data=parameters)
    await to.ask(
        "par: bad request", "POST", "/par", data={**parameters, "redirect_uri": "https://evil.example"}, auth=WEB
    )
    url = "/authorize?" + urlencode({"client_id": "rec-web", "request_uri": answer.json()["request_uri"]})
    done = await through_pages(to.http, await to.http.get(url))
    to.note("par: a code", done)
    await to.ask("par: its code", "POST", "/token", data=code_form(code_of(done)), auth=WEB)


async def devices(to: Transcript) -> None:
    television = {"client_id": "rec-tv"}
    await to.ask("device: unknown scope", "POST", "/device_authorization", data={**television, "scope": "admin"})
    await to.ask("device: not its grant", "POST", "/device_authorization", data={"client_id": "rec-spa"})
    asked = await to.ask("device", "POST", "/device_authorization", data={**television, "scope": "openid profile"})
    form = {"grant_type": DEVICE, "device_code": asked.json()["device_code"], **television}
    await to.ask("device: pending", "POST", "/token", data=form)
    await to.ask("device: too soon", "POST", "/token", data=form)
    asked = await to.http.post("/device_authorization", data={**television, "scope": "openid profile offline_access"})
    await through_pages(to.http, await to.http.get(asked.json()["verification_uri_complete"]))
    allowed = {**form, "device_code": asked.json()["device_code"]}
    await to.ask("device: allowed", "POST", "/token", data=allowed)
    await to.ask("device: used", "POST", "/token", data=allowed)
    await to.ask("device: rubbish", "POST", "/token", data={**form, "device_code": "rubbish"})


async def first_party(to: Transcript) -> None:
    """The JSON log-in of first-party frontends."""
    other = httpx2.AsyncClient(transport=to.http._transport, base_url=to.http.base_url, headers=to.http.headers)
    aside = Transcript(other, to.exchanges, to.names)
    await aside.ask("json: wrong password", "POST", "/api/auth/login", json={**LOGIN, "password": "wrong"})
    await aside.ask("json: no password", "POST", "/api/auth/login", json={"email": LOGIN["email"]})
    await aside.ask("json: no JSON", "POST", "/api/auth/login", content="rubbish")
    tokens = (await aside.ask("json: login", "POST", "/api/auth/login", json={**LOGIN, "client_id": "rec-spa"})).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    await aside.ask(
        "json: refresh",
        "POST",
        "/api/auth/refresh",
        json={"refresh_token": tokens["refresh_token"], "client_id": "rec-spa"},
    )
    await aside.ask("json: sessions", "GET", "/api/auth/sessions", headers=bearer)
    await aside.ask("json: logout", "POST", "/api/auth/logout", headers=bearer)
    await aside.ask("json: after the logout", "GET", "/api/profile/me", headers=bearer)


async def registration(to: Transcript) -> None:
    wanted = {"redirect_uris": [CALLBACK], "client_name": "Registered", "token_endpoint_auth_method": "none"}
    await to.ask("register: a stranger", "POST", "/register", json=wanted)
    invited = {"Authorization": f"Bearer {INITIAL}"}
    nowhere = {"client_name": "Nowhere", "grant_types": ["authorization_code"]}
    await to.ask("register: no redirect URI", "POST", "/register", json=nowhere, headers=invited)
    await to.ask("register: a power", "POST", "/register", json={**wanted, "first_party": True}, headers=invited)
    secret = {**wanted, "token_endpoint_auth_method": "client_secret_basic"}
    await to.ask("register: with a secret", "POST", "/register", json=secret, headers=invited)
    made = (await to.ask("register", "POST", "/register", json=wanted, headers=invited)).json()
    bearer = {"Authorization": f"Bearer {made['registration_access_token']}"}
    path = f"/register/{made['client_id']}"
    await to.ask("register: read", "GET", path, headers=bearer)
    await to.ask("register: change", "PUT", path, headers=bearer, json={**wanted, "client_id": made["client_id"]})
    await to.ask("register: remove", "DELETE", path, headers=bearer)
    await to.ask("register: read when removed", "GET", path, headers=bearer)


async def ends(to: Transcript, tokens: dict[str, dict[str, Any]], newest: dict[str, Any]) -> None:
    """Revocation and the log-out by a client."""
    spa, bye = tokens["rec-spa"], "https://app.example/bye"
    await to.ask("revoke: rubbish", "POST", "/revoke", data={"token": "rubbish", "client_id": "rec-spa"})
    await to.ask("revoke: no client", "POST", "/revoke", data={"token": newest["refresh_token"]})
    await to.ask(
        "revoke: another's", "POST", "/revoke", data={"token": newest["refresh_token"], "client_id": "rec-spa"}
    )
    await to.ask("revoke", "POST", "/revoke", data={"token": newest["refresh_token"]}, auth=WEB)
    revoked = {"grant_type": "refresh_token", "refresh_token": newest["refresh_token"]}
    await to.ask("refresh: when revoked", "POST", "/token", data=revoked, auth=WEB)
    await to.ask(
        "logout: an access token as the hint", "GET", "/logout?" + urlencode({"id_token_hint": spa["access_token"]})
    )
    hint = {"id_token_hint": spa["id_token"], "state": "s"}
    await to.ask(
        "logout: a stranger's address",
        "GET",
        "/logout?" + urlencode({**hint, "post_logout_redirect_uri": "https://evil.example"}),
    )
    await to.ask("logout", "GET", "/logout?" + urlencode({**hint, "post_logout_redirect_uri": bye}))
    await to.ask(
        "userinfo: after the logout", "GET", "/userinfo", headers={"Authorization": f"Bearer {spa['access_token']}"}
    )
    await to.ask("authorize: silently after the logout", "GET", authorization(prompt="none"))


async def converse(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> dict[str, Any]:
    """Everything, in order; name -> what was answered."""
    patient = Patient(http._transport)
    to = Transcript(httpx2.AsyncClient(transport=patient, base_url=http.base_url, headers={"user-agent": "recorded"}))
    await register(sql)
    await metadata(to)
    given = await authorize(to)
    tokens = await codes(to, given)
    await client_proofs(to)
    await resources(to, tokens)
    newest = await refreshes(to, tokens)
    await exchanged(to)
    await keyed(to)
    await pushed(to)
    await devices(to)
    await first_party(to)
    await registration(to)
    await ends(to, tokens, newest)
    return json.loads(json.dumps(to.exchanges))
