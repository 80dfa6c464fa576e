"""Authorization codes: the first state of a grant. Issued once, redeemed at most once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from authsvc.records import frozen
from authsvc.rules.authorize.redemption import CODE_SECONDS, RedemptionVerdict, Use
from authsvc.rules.client_record import Digest
from authsvc.rules.confirmation import Confirmation
from authsvc.rules.person_record import Login, User
from authsvc.store.postgres import Database, record_of
from authsvc.store.redis import RedisStore

# The consent is locked first, as by whoever takes it back: it stays until the code is there to be ended with it, and
# one that is being taken back is waited for.
#
# FOR SHARE: a session that is being ended is waited for and looked at again; no grant slips in behind its end.
# auth_time, too, is of the row as it is now, and the grant ends with the session or with what its client allows. A
# login that has lost a factor since it was judged (amr) is judged again.
#
# An entry `grant` voids what is issued in its second, because `iat` is whole seconds: no code is issued in it.
_ISSUE = """
WITH consent AS MATERIALIZED (
    SELECT user_id FROM consents WHERE user_id = $14 AND client_id = $3 AND scope @> $15 FOR KEY SHARE
)
INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at, code_state, code_hash,
                    code_expires_at, code_redirect_uri, code_challenge, code_nonce, code_claims, dpop_jkt,
                    acr_values, session_name)
SELECT $1, s.id, $3, $4, $5, $6, least(s.expires_at, s.auth_time + $11::int * interval '1 second'), 'issued', $6,
       now() + $10::int * interval '1 second', $7, $8, $9, $12::jsonb, $13, $17, $18
FROM user_sessions s
WHERE ($15::text[] IS NULL OR EXISTS (SELECT FROM consent)) AND s.id = $2 AND s.user_id = $14
AND s.amr = $16 AND s.is_active AND s.expires_at > now()
AND NOT EXISTS (SELECT FROM revocations r WHERE r.kind = 'grant' AND r.not_before >= date_trunc('second', now())
                AND r.subject IN (s.id || ':' || $3, $18::text || ':' || $3)) FOR SHARE OF s
RETURNING id
"""

# `rules/authorize/redemption.judge_redemption` in SQL, one guarded statement as for refresh: the row lock makes the
# verdict the decision. Running it again with the same secret_hash is safe: it is the same use, of which nobody heard.
#
# The columns of a code may be NULL, as in a grant that never had one: no comparison here may fall through for that.
REDEEM = """
WITH judged AS (
    UPDATE grants AS g
    SET (verdict, code_state, ended, secret_hash, rotated_at, dpop_jkt) = (
        SELECT v.verdict,
               CASE WHEN g.code_state <> 'issued' THEN g.code_state
                    WHEN v.verdict = 'redeemed' THEN 'redeemed'
                    WHEN v.verdict = 'role_missing' THEN g.code_state ELSE 'burnt' END,
               g.ended OR (g.code_state = 'issued' AND v.verdict NOT IN ('redeemed', 'role_missing')),
               CASE WHEN v.verdict = 'redeemed' THEN $6 ELSE g.secret_hash END,
               CASE WHEN v.verdict = 'redeemed' THEN now() ELSE g.rotated_at END,
               CASE WHEN v.verdict = 'redeemed' THEN $9 ELSE g.dpop_jkt END
        FROM (SELECT CASE
                WHEN g.code_state = 'burnt' THEN 'burnt'
                WHEN g.client_id <> $3 THEN 'foreign'
                WHEN g.code_redirect_uri IS DISTINCT FROM $4 THEN 'redirect'
                WHEN g.code_challenge IS DISTINCT FROM $5 THEN 'pkce'
                WHEN g.code_state = 'issued' AND g.dpop_jkt NOT IN ('', $8) THEN 'key'
                WHEN g.code_state = 'redeemed' AND NOT (g.secret_hash = $6 AND g.dpop_jkt = $9) THEN 'replayed'
                WHEN g.ended OR g.expires_at <= now() THEN 'ended'
                WHEN g.code_state = 'issued' AND (g.code_expires_at > now()) IS NOT TRUE THEN 'expired'
                WHEN NOT ($7::text[] <@ g.audience) THEN 'target'
                WHEN NOT ($10::text IS NULL OR EXISTS (
                    SELECT FROM user_sessions s JOIN users u ON u.id = s.user_id
                    WHERE s.id = g.session_id AND $10 = ANY (u.roles))) THEN 'role_missing'
                ELSE 'redeemed' END AS verdict) v)
    WHERE g.id = $1 AND g.code_hash = $2
    RETURNING g.verdict, g.secret_hash, g.session_id, g.session_name, g.client_id, g.scope, g.audience, g.expires_at,
              g.code_nonce AS nonce, g.code_claims, g.acr_values
)
SELECT j.*, s.user_id, s.auth_time, s.amr, u.roles, u.email, u.email_verified, u.name,
       coalesce(u.locale, '') AS locale, now() AS now
FROM judged j JOIN user_sessions s ON s.id = j.session_id JOIN users u ON u.id = s.user_id
"""


@frozen
class Redeemed:
    """The answer of the redeeming statement: its verdict, and all that new tokens need. `secret_hash`: of the refresh
    token that the first use was to give. `claims`: single claims asked for, by place (`id_token`, `userinfo`)."""

    verdict: RedemptionVerdict
    secret_hash: Digest
    login: Login
    scope: tuple[str, ...]
    audience: tuple[str, ...]
    expires_at: datetime
    nonce: str | None
    claims: Mapping[str, Sequence[str]]
    user: User
    now: datetime


async def issue(
    db: Database,
    *,
    grant_id: UUID,
    session_id: UUID,
    user_id: UUID,
    client_id: str,
    scope: Sequence[str],
    consent: Sequence[str] | None,
    audience: Sequence[str],
    code_hash: Digest,
    redirect_uri: str,
    code_challenge: str | None,
    nonce: str | None,
    lifetime_seconds: int,
    claims: Mapping[str, Sequence[str]],
    bound_to: Confirmation,
    amr: Sequence[str],
    acr_values: Sequence[str],
    session_name: str | None,
) -> bool:
    """False: the session has ended meanwhile, the consent was taken back, or it is the second in which what the client
    had of the session was revoked (`seconds_void`). `consent`: the scope that the person must
    have allowed, None where nobody is asked; `lifetime_seconds`: how long the grant may live after the login;
    `bound_to`: what must be proved at redemption; `amr`: of the login that was judged; `acr_values`: contexts that were
    asked for by name; `session_name`: what the grant's tokens will call the session, None: by its id. Raises
    ClientRemoved, StoreUnavailable."""
    row = await db.fetchrow(
        _ISSUE, grant_id, session_id, client_id, scope, audience, code_hash, redirect_uri, code_challenge,
        nonce, CODE_SECONDS, lifetime_seconds, json.dumps(claims) if claims else None, bound_to.stored,
        user_id, consent, list(amr), list(acr_values), session_name,
    )  # fmt: skip
    return row is not None


async def seconds_void(db: Database, session_id: UUID, client_id: str, session_name: str | None) -> float | None:
    """How long a token would still be void that the client got in this session now, which its tokens call by its id or
    by `session_name`; None: nothing was revoked there within the last two seconds."""
    sql = """SELECT greatest(0, 1 - extract(epoch FROM clock_timestamp() - date_trunc('second', max(not_before))))
                    ::float8 FROM revocations
             WHERE kind = 'grant' AND subject = ANY ($1) AND not_before > now() - interval '2 seconds'
             HAVING count(*) > 0"""
    subjects = [f"{session}:{client_id}" for session in (session_id, session_name)]
    seconds: float | None = await db.fetchval(sql, subjects)
    return seconds


async def redeem(db: Database, grant_id: UUID, code_hash: Digest, use: Use) -> Redeemed | None:
    """Judge and apply, in one committed statement; None: no such code. Verdicts: see `rules/authorize/redemption`."""
    presented = (use.client_id, use.redirect_uri, use.code_challenge, use.secret_hash, use.resource)
    proved, bound_to = use.proved.stored, use.bound_to.stored
    row = await db.fetchrow(REDEEM, grant_id, code_hash, *presented, proved, bound_to, use.required_role)
    if row is None:
        return None
    return record_of(
        Redeemed,
        row,
        verdict=RedemptionVerdict(row["verdict"]),
        login=record_of(Login, row),
        claims=json.loads(row["code_claims"]) if row["code_claims"] else {},
        user=record_of(User, row, id=row["user_id"]),
    )


async def note_unheard(redis: RedisStore, grant_id: UUID, secret_hash: Digest, seconds: int) -> None:
    """Tell all replicas that nobody heard whether this use was committed. Raises StoreUnavailable."""
    await redis.command("SET", redis.key("unheard", str(grant_id)), secret_hash.hex(), "EX", seconds)


async def take_unheard(redis: RedisStore, grant_id: UUID) -> Digest | None:
    """The use of a code that was noted so, once; None: there is none. Raises StoreUnavailable."""
    found = await redis.command("GETDEL", redis.key("unheard", str(grant_id)))
    return bytes.fromhex(found) if found else None


async def person_and_claims(db: Database, session_id: UUID, client_id: str) -> tuple[User, Sequence[str]] | None:
    """A person, and the single claims that a client asked to find at /userinfo, in any of its grants of the session.
    None: the session, and with it the person, is no longer known."""
    sql = """SELECT u.id, u.email, u.email_verified, u.name, u.roles, u.disabled_at,
                    coalesce(u.locale, '') AS locale,
                    ARRAY(SELECT DISTINCT jsonb_array_elements_text(g.code_claims -> 'userinfo') FROM grants g
                          WHERE g.session_id = s.id AND g.client_id = $2 AND NOT g.ended AND g.code_state = 'redeemed'
                          AND g.code_claims IS NOT NULL) AS names
             FROM user_sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1"""
    row = await db.fetchrow(sql, session_id, client_id)
    return (record_of(User, row), row["names"]) if row else None
