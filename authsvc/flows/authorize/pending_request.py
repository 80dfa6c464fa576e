"""A pending authorization request, sealed (AES-GCM) into the form.

Nothing is stored before a login, but, as sealed, by the proof of a mailed code that goes on with it. What comes back
from the browser is what we put in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field, replace

from authsvc.keys.seal import open_value, seal_value
from authsvc.records import frozen
from authsvc.rules.authorize.request import Asked
from authsvc.rules.sealed_value_lifetimes import PENDING_REQUEST_SECONDS
from authsvc.runtime import Runtime

OWN_PAGES = ("/account", "/device", "/account/factors", "/account/passkeys/new", "/account/profile", "/account/delete")
"""Where `/login?next=` may lead."""
EVER = float("inf")
"""Seconds within which what we sealed may be as old as it likes: as long as its master key is held."""
_REQUEST = "authorization interaction"
_DESTINATION = "login destination"


@frozen
class PendingRequest:
    """An authorization request that waits for a person.

    `started_at`: seconds since 1970. `seen`: who was logged in when we asked for a login ("" for nobody), None while we
    have not asked. `shown_to`: the session to which the consent page was shown; `allowed`: it allowed the request.
    `opened_by`: the browser that opened a pushed request, None where nobody did yet or the request was not pushed.
    `reference`: by which it did; "" where it was not pushed, or the version before opened it.
    """

    parameters: Mapping[str, str]
    started_at: float
    seen: str | None = None
    shown_to: str | None = None
    allowed: bool = False
    repeated: tuple[str, ...] = ()
    pushed: bool = False
    opened_by: str | None = None
    reference: str = field(repr=False, default="")

    @property
    def asked(self) -> Asked:
        return Asked(self.parameters, self.repeated, self.pushed, self.reference)


@frozen
class Destination:
    """A page of ours where a login shall lead. `again`: also when somebody is logged in already."""

    path: str
    again: bool = False


def begin_request(runtime: Runtime, asked: Asked, opened_by: str | None = None) -> PendingRequest:
    """A request that begins to wait now."""
    return PendingRequest(
        asked.parameters,
        runtime.clock.seconds(),
        repeated=asked.repeated,
        pushed=asked.pushed,
        opened_by=opened_by,
        reference=asked.reference,
    )


def seal_request(runtime: Runtime, pending: PendingRequest) -> str:
    """Write a pending request as sealed text for the form of a page. A request with repeated parameters is refused
    before it waits for anybody."""
    known = (pending.started_at, pending.seen, pending.shown_to, pending.pushed, pending.opened_by, pending.reference)
    payload = [dict(pending.parameters), *known]
    return seal_value(runtime.master, _REQUEST, json.dumps(payload, ensure_ascii=False).encode(), runtime.entropy)


def begin_anew(
    runtime: Runtime, pending: PendingRequest, *, consent: bool = False, opened_by: str | None = None
) -> PendingRequest:
    """The same request, as if it came now: nothing that a person did on its pages counts. `consent`: a person was
    asked for it, and must be asked again, whatever else has become of it."""
    parameters = dict(pending.parameters)
    if consent:
        prompt = dict.fromkeys((*parameters.get("prompt", "").split(), "consent"))
        parameters["prompt"] = " ".join(prompt)
    return begin_request(runtime, replace(pending.asked, parameters=parameters, repeated=()), opened_by)


def open_request(runtime: Runtime, sealed: str, *, seconds: float = PENDING_REQUEST_SECONDS) -> PendingRequest | None:
    """Open what `seal_request` wrote. None: not ours, altered, or older than `seconds`."""
    payload = open_value(runtime.master, _REQUEST, sealed)
    if payload is None:
        return None
    parameters, started_at, seen, shown_to, pushed, *later = json.loads(payload)  # a version before wrote less
    opened_by, reference = next(iter(later), None), next(iter(later[1:]), "")
    pending = PendingRequest(
        parameters, started_at, seen, shown_to, pushed=pushed, opened_by=opened_by, reference=reference
    )
    return pending if pending.started_at >= runtime.clock.seconds() - seconds else None


def seal_destination(runtime: Runtime, destination: Destination) -> str:
    """A destination as sealed text, for `/login?request=`: our own pages may name any path of ours, with a query."""
    return runtime.seal_dated(_DESTINATION, destination.path, destination.again)


def open_destination(runtime: Runtime, sealed: str, *, seconds: float = PENDING_REQUEST_SECONDS) -> Destination | None:
    """Open what `seal_destination` wrote. None: not ours, altered, or older than `seconds`."""
    opened = runtime.open_dated(_DESTINATION, sealed, seconds=seconds)
    return Destination(*opened) if opened else None
