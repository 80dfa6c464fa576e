"""What waits while a person is asked, in closed boxes that the pages carry: nothing is stored for strangers, and what
comes back from the browser is what we put in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from authsvc.keys.sealed_value import close_box, open_box
from authsvc.rules.authorize.request import Asked
from authsvc.runtime import Runtime

INTERACTION_SECONDS = 3600
OWN_PAGES = ("/account", "/device")
"""Where `/login?next=` may lead."""
_REQUEST = "authorization interaction"
_DESTINATION = "login destination"


@dataclass(frozen=True, slots=True)
class Interaction:
    """An authorization request that waits for a person.

    `started_at`: seconds since 1970. `seen`: who was logged in when we asked for a login ("" for nobody), None while we
    have not asked. `shown_to`: the session to which the consent page was shown; `allowed`: it allowed the request.
    """

    parameters: Mapping[str, str]
    started_at: float
    seen: str | None = None
    shown_to: str | None = None
    allowed: bool = False
    repeated: tuple[str, ...] = ()
    pushed: bool = False

    @property
    def asked(self) -> Asked:
        return Asked(self.parameters, self.repeated, self.pushed)


@dataclass(frozen=True, slots=True)
class Destination:
    """A page of ours where a login shall lead. `again`: also when somebody is logged in already."""

    path: str
    again: bool = False


def begin_interaction(runtime: Runtime, asked: Asked) -> Interaction:
    return Interaction(asked.parameters, runtime.clock.seconds(), repeated=asked.repeated, pushed=asked.pushed)


def close_interaction(runtime: Runtime, interaction: Interaction) -> str:
    """A request with repeated parameters is refused before it waits for anybody."""
    waiting = interaction
    payload = [dict(waiting.parameters), waiting.started_at, waiting.seen, waiting.shown_to, waiting.pushed]
    return close_box(runtime.master, _REQUEST, json.dumps(payload, ensure_ascii=False).encode(), runtime.entropy)


def open_interaction(runtime: Runtime, box: str) -> Interaction | None:
    """None: not ours, altered, or older than an hour."""
    payload = open_box(runtime.master, _REQUEST, box)
    if payload is None:
        return None
    parameters, started_at, seen, shown_to, pushed = json.loads(payload)
    interaction = Interaction(parameters, started_at, seen, shown_to, pushed=pushed)
    fresh = interaction.started_at >= runtime.clock.seconds() - INTERACTION_SECONDS
    return interaction if fresh else None


def close_destination(runtime: Runtime, destination: Destination) -> str:
    """For `/login?request=`: our own pages may name any path of ours, with a query."""
    payload = [destination.path, destination.again, runtime.clock.seconds()]
    return close_box(runtime.master, _DESTINATION, json.dumps(payload).encode(), runtime.entropy)


def open_destination(runtime: Runtime, box: str) -> Destination | None:
    """None: not ours, altered, or older than an hour."""
    payload = open_box(runtime.master, _DESTINATION, box)
    if payload is None:
        return None
    path, again, made_at = json.loads(payload)
    return Destination(path, again) if made_at >= runtime.clock.seconds() - INTERACTION_SECONDS else None


def cookie_digest(cookie: str) -> bytes:
    """What is stored of a browser's cookie."""
    return sha256(cookie.encode("utf-8", "surrogatepass")).digest()
