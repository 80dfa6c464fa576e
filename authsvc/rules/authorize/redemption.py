"""Redemption of an authorization code: at most once (RFC 6749 section 4.1.2, RFC 9700 section 2.1.1).

The same judgement stands in SQL (`store/authorize/codes`), where the row lock makes it the decision. `judge_redemption`
is its readable twin: a property test holds both to the same verdict and the same row. The first line that fits is said:

    the code                            verdict
    was burnt                           burnt      refused, as all below but the last
    is another client's                 foreign
    was issued for another redirect_uri redirect
    has another code_challenge, or none pkce       without a verifier, only a code that was asked for without one fits
    was issued for another DPoP key     key        asked before the first use only
    was redeemed by another use         replayed   somebody else has code and verifier: the session ends
    its grant or its session is over    ended
    is older than a minute              expired    asked before the first use only
    shall give what was not granted     target
    is of a person without the role     role_missing  nothing is spent: who gets it back goes on
    anything else                       redeemed   the grant is bound to the secret and key of this use
    no such code                        unknown    no row to judge
    not made by us                      forged     nobody asks for a row

Whatever else is wrong with the first use burns the code. A second use that is wrong shows nothing but an old address
line, and must not log anybody out. The same use again (same secret, same key) is no second one: nobody heard of it.
"""

from __future__ import annotations

from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum

from authsvc.records import frozen
from authsvc.rules.client_record import Digest
from authsvc.rules.confirmation import Confirmation

CODE_SECONDS = 60
"""How long a code lives (RFC 6749 section 4.1.2: ten minutes at most)."""


class RedemptionVerdict(StrEnum):
    """What is said of a presented code, by the rule, the statement and the log alike."""

    REDEEMED = "redeemed"
    BURNT = "burnt"
    FOREIGN = "foreign"
    REDIRECT = "redirect"
    PKCE = "pkce"
    KEY = "key"
    REPLAYED = "replayed"
    ENDED = "ended"
    EXPIRED = "expired"
    TARGET = "target"
    ROLE_MISSING = "role_missing"
    UNKNOWN = "unknown"
    FORGED = "forged"

    @property
    def reason(self) -> str:
        """The `reason` of the log line where this refuses the request."""
        return _REASONS.get(self, f"code_{self}")


_REASONS = {RedemptionVerdict.TARGET: "resource_not_granted", RedemptionVerdict.ROLE_MISSING: "role_missing"}


class CodeState(StrEnum):
    ISSUED = "issued"
    REDEEMED = "redeemed"
    BURNT = "burnt"


@frozen
class CodeGrant:
    """A grant and its code. `secret_hash`: of the code while it is issued, then of the refresh token. `bound_to`: what
    must be proved while the code is issued, then what the grant is bound to. `roles`: of its person, now."""

    client_id: str
    redirect_uri: str | None
    code_challenge: str | None
    state: CodeState
    code_expires_at: datetime | None
    secret_hash: Digest = field(repr=False)
    bound_to: Confirmation
    audience: tuple[str, ...]
    rotated_at: datetime
    expires_at: datetime
    ended: bool
    roles: tuple[str, ...]


@frozen
class Use:
    """What a client presents with a code. `code_challenge`: of its verifier, None where it sent none; `resource`: what
    the access token shall be for, () for all that was granted; `proved`: what it proved, `bound_to`: what the grant
    will be bound to; `secret_hash`: of the refresh token to come; `required_role`: of the client's people."""

    client_id: str
    redirect_uri: str
    code_challenge: str | None
    resource: tuple[str, ...]
    proved: Confirmation
    bound_to: Confirmation
    secret_hash: Digest = field(repr=False)
    required_role: str | None = None


def judge_redemption(grant: CodeGrant, use: Use, now: datetime) -> tuple[RedemptionVerdict, CodeGrant]:
    """Judge the use of a genuine code: the verdict, and the grant's row afterwards."""
    verdict = _judge_use(grant, use) or _judge_grant(grant, use, now)
    return verdict, _after(grant, use, verdict, now)


def _judge_use(grant: CodeGrant, use: Use) -> RedemptionVerdict | None:
    """Whether it is the right caller with the right proofs, None; a row without an address fits nobody."""
    if grant.state is CodeState.BURNT:
        return RedemptionVerdict.BURNT
    if grant.client_id != use.client_id:
        return RedemptionVerdict.FOREIGN
    if grant.redirect_uri != use.redirect_uri:
        return RedemptionVerdict.REDIRECT
    if grant.code_challenge != use.code_challenge:
        return RedemptionVerdict.PKCE
    if grant.state is CodeState.ISSUED and not use.proved.satisfies(grant.bound_to):
        return RedemptionVerdict.KEY
    return None


def _judge_grant(grant: CodeGrant, use: Use, now: datetime) -> RedemptionVerdict:
    issued = grant.state is CodeState.ISSUED
    if not issued and (grant.secret_hash, grant.bound_to) != (use.secret_hash, use.bound_to):
        return RedemptionVerdict.REPLAYED
    if grant.ended or grant.expires_at <= now:
        return RedemptionVerdict.ENDED
    if issued and (grant.code_expires_at is None or grant.code_expires_at <= now):
        return RedemptionVerdict.EXPIRED
    if not set(use.resource) <= set(grant.audience):
        return RedemptionVerdict.TARGET
    if use.required_role is not None and use.required_role not in grant.roles:
        return RedemptionVerdict.ROLE_MISSING
    return RedemptionVerdict.REDEEMED


def _after(grant: CodeGrant, use: Use, verdict: RedemptionVerdict, now: datetime) -> CodeGrant:
    if verdict is RedemptionVerdict.REDEEMED:
        bound = replace(grant, secret_hash=use.secret_hash, bound_to=use.bound_to, rotated_at=now)
        return replace(bound, state=CodeState.REDEEMED)
    burns = grant.state is CodeState.ISSUED and verdict is not RedemptionVerdict.ROLE_MISSING
    return replace(grant, state=CodeState.BURNT, ended=True) if burns else grant
