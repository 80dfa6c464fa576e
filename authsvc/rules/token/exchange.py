"""Token exchange (RFC 8693): what a service may get for a token that it was sent. Narrowing only, delegation only.

Who may exchange what is the operator's policy on the asking client: `exchange_audiences` is where it may go on to,
`exchange_subjects` by which names, beside its own id, it is known in the `aud` of tokens that are sent to it. The new
token says who acts (`act`, section 4.1), and what it was made from, so that it ends with any of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authsvc.records import frozen
from authsvc.rules.client_record import Client
from authsvc.rules.confirmation import Confirmation, confirmation_in
from authsvc.rules.refused import Refused
from authsvc.rules.resource import as_registered, overlap
from authsvc.rules.scope import parse_scope
from authsvc.rules.token.audience import userinfo_of

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a type
ROLES_SCOPE = "roles"
"""By which a client that is not first-party sees roles: given by an operator, consented to by the person."""
MAX_DEPTH = 4
"""Actors in a chain."""
_OF_THE_PERSON = ("sub", "sid", "auth_time", "acr", "amr", "roles")


@frozen
class ExchangeRequest:
    """Section 2.1. `target`: every `audience` and `resource`, each once."""

    subject_token: str
    target: tuple[str, ...]
    scope: tuple[str, ...]


@frozen
class Exchange:
    """What may be given. `subject`: the claims of the subject token; `act`: who acts, and for whom (section 4.1);
    `exchanged_from`: jti, client_id and iat of what the new token is made from, the newest first."""

    scope: tuple[str, ...]
    audience: tuple[str, ...]
    subject: Mapping[str, Any]
    act: Mapping[str, Any]
    exchanged_from: tuple[Mapping[str, Any], ...]

    @property
    def claims(self) -> dict[str, Any]:
        """For whom the new token speaks, as the subject token says, and by way of whom."""
        kept = {name: self.subject[name] for name in _OF_THE_PERSON if name in self.subject}
        if ROLES_SCOPE in str(self.subject.get("scope", "")).split() and ROLES_SCOPE not in self.scope:
            kept.pop("roles", None)  # they came by the scope, and go with it
        return {**kept, "act": self.act, "exchanged_from": list(self.exchanged_from)}


def read_request(form: Mapping[str, str]) -> ExchangeRequest | Refused:
    """Read the parameters; `audience` and `resource` are space-separated where they came several times."""
    if "actor_token" in form or "actor_token_type" in form:
        return _malformed("actor_token is not supported: the client that asks is the actor.", "actor_token")
    if "subject_token" not in form:
        return _malformed("The parameter subject_token is missing.", "subject_token_missing")
    if form.get("subject_token_type") != ACCESS_TOKEN:
        return _malformed("The subject_token_type must be that of an access token.", "subject_token_type")
    if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        return _malformed("The requested_token_type must be that of an access token.", "requested_token_type")
    scope = parse_scope(form.get("scope", ""))
    if scope is None:
        return Refused("invalid_scope", "The scope is malformed.", "scope_malformed")
    target = [*form.get("audience", "").split(), *form.get("resource", "").split()]
    return ExchangeRequest(form["subject_token"], tuple(dict.fromkeys(target)), scope)


def judge_exchange(
    asked: ExchangeRequest, subject: Mapping[str, Any], client: Client, *, issuer: str, confirmation: Confirmation
) -> Exchange | Refused:
    """`subject`: the proved claims of the subject token. `confirmation`: what the client proved now."""
    aud = subject.get("aud", ())
    meant_for = {aud} if isinstance(aud, str) else set(aud)
    own = subject["client_id"] == client.id
    if not (own or client.id in meant_for or overlap(client.exchange.subjects, meant_for)):
        return _malformed("The subject_token is not for this client.", "subject_token_for_another")
    if not confirmation.satisfies(confirmation_in(subject)):
        return _malformed("The subject_token is bound to a key that was not proved.", "subject_token_bound")
    act: dict[str, Any] = {"sub": client.id}
    if "act" in subject:
        act["act"] = subject["act"]
    if _depth(act) > MAX_DEPTH:
        return _malformed("The subject_token was exchanged too often.", "exchange_too_deep")
    audience = _audience(asked, client, issuer, meant_for)
    scope = _scope(asked, subject, client)
    if isinstance(audience, Refused):
        return audience
    if isinstance(scope, Refused):
        return scope
    source = {name: subject[name] for name in ("jti", "client_id", "iat")}
    return Exchange(scope, audience, subject, act, (source, *subject.get("exchanged_from", ())))


def _audience(asked: ExchangeRequest, client: Client, issuer: str, meant_for: set[str]) -> tuple[str, ...] | Refused:
    allowed = client.exchange.audiences
    if not asked.target and len(allowed) > 1:
        return Refused("invalid_target", "Name the audience: this client may ask for several.", "audience_missing")
    target = as_registered(asked.target, allowed) or allowed
    if not set(target) <= set(allowed) or not all(_in_reach(one, issuer, meant_for) for one in target):
        return Refused(
            "invalid_target", "This client may not ask for tokens for that audience.", "audience_not_allowed"
        )
    return target


def _in_reach(one: str, issuer: str, meant_for: set[str]) -> bool:
    """authsvc's own endpoints change sessions, and say who somebody is: who could not reach them with the subject token
    must not with another."""
    if one == userinfo_of(issuer):
        return not meant_for.isdisjoint({issuer, one})
    return one != issuer or issuer in meant_for


def _scope(asked: ExchangeRequest, subject: Mapping[str, Any], client: Client) -> tuple[str, ...] | Refused:
    held = str(subject.get("scope", "")).split()
    allowed = tuple(word for word in held if word in client.tokens.scopes)
    if not set(asked.scope) <= set(allowed):
        return Refused(
            "invalid_scope", "The scope exceeds the subject_token or this client.", "scope_wider_than_subject"
        )
    scope = asked.scope or allowed
    return scope or Refused("invalid_scope", "Nothing of the subject_token is for this client.", "scope_empty")


def _depth(act: Mapping[str, Any]) -> int:
    depth, link = 0, act
    while link:
        depth, link = depth + 1, link.get("act", {})
    return depth


def _malformed(description: str, reason: str) -> Refused:
    """Section 2.2.2: also a subject token that is not acceptable is an invalid_request."""
    return Refused("invalid_request", description, reason)
