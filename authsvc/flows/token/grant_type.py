"""The shape of a grant type: what each has of its own. All are listed in `pipeline.GRANT_TYPES`; `pipeline` says, too,
what is done for every one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from authsvc.flows.caller.prove_possession import Proof, key_of
from authsvc.records import frozen
from authsvc.rules.client_record import Client
from authsvc.rules.confirmation import UNBOUND, Confirmation
from authsvc.rules.refused import Refused
from authsvc.rules.token.granted import Granted
from authsvc.runtime import Runtime

Asked = TypeVar("Asked")
Given = TypeVar("Given", bound=Granted, covariant=True)


@frozen
class Caller:
    """The client that asks for tokens, authenticated; the proof of the key that it holds (None: it showed none), or the
    certificate that what it gets is bound to."""

    client: Client
    proof: Proof | None = None
    certificate: Confirmation = UNBOUND

    @property
    def confirmation(self) -> Confirmation:
        """The key or the certificate that it holds. Whatever is bound to a key, or opened by it, waits for the proof to
        be spent."""
        return self.certificate if self.proof is None else key_of(self.proof)


ROLE_MISSING = "The account may not use this client."
"""Said of a person who lacks the role that the client wants, wherever a grant shows that."""
NOT_ALLOWED = Refused("unauthorized_client", "This client may not use this grant type.", "grant_type_not_allowed")


def always(_: Client) -> bool:
    """To every client."""
    return True


def never(_: Client) -> bool:
    """To none."""
    return False


def may_use(client: Client, grant_type: str) -> Refused | None:
    """Whether a client is registered for a grant type (RFC 6749 section 5.2)."""
    return None if grant_type in client.grant_types else NOT_ALLOWED


def confidential_may_use(client: Client, grant_type: str) -> Refused | None:
    """As `may_use`, where a client speaks for itself (RFC 6749 section 4.4)."""
    return may_use(client, grant_type) if client.confidential else NOT_ALLOWED


@frozen(kw_only=True)
class Issuance(Generic[Asked, Given]):
    """One way to get tokens. `run`: load, judge, apply, commit; it signs nothing, and raises Rejected, Unavailable,
    StoreUnavailable. `permit`: why a client may not use it. `identifies`: it may give a client an ID token, too.

    `recognize`: refuses what cannot be ours, without a store; raises Rejected. `spends_proof`: `run` does so itself,
    because it knows no sooner whether a stranger asks."""

    name: str
    run: Callable[[Runtime, Caller, Asked], Awaitable[Given]]
    permit: Callable[[Client, str], Refused | None] = may_use
    identifies: Callable[[Client], bool] = never
    recognize: Callable[[Runtime, Client, Asked], object] | None = None
    spends_proof: bool = False


@frozen(kw_only=True)
class GrantType(Issuance[Asked, Given]):
    """One grant type of POST /token. `parse`: the form -> the typed request; pure."""

    parse: Callable[[Mapping[str, str]], Asked | Refused]
