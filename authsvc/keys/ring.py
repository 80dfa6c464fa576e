"""The keys of one process: JWKS bytes, sign, verify. One holder, in it an immutable set that is replaced as a whole.

The set is a function of the rows and the instant, so a replica that is cut off from PostgreSQL still starts to sign
with the announced key, and stops when its key must. A key is opened and parsed once in the life of the process.

Only what opens under our master key is published: a row that somebody wrote into the database is not a key of ours.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from authsvc.compact_json import compact_json
from authsvc.jose import algorithms, jwk
from authsvc.jose.jwk import JwksDocument, document, read_snapshot
from authsvc.jose.verify import Expected, Invalid, Marks, VerifiedClaims, Verifier, judge_token
from authsvc.keys import phases
from authsvc.keys.master import MasterKeys
from authsvc.keys.policy import DEFAULT, KeyLife
from authsvc.keys.records import SigningKey
from authsvc.keys.seal import SealError
from authsvc.keys.signers import LocalSigner, open_signer
from authsvc.records import frozen
from authsvc_jws.base64url import base64url_encode

_DISTANT_PAST = datetime.min.replace(tzinfo=UTC)
_DISTANT_FUTURE = datetime.max.replace(tzinfo=UTC)


class NoSigningKey(Exception):
    """No key may sign: none was loaded, or its time is over. Nobody's fault who asked: answer 503."""


@frozen
class _Opened:
    """A key as this process holds it."""

    public: Mapping[str, str]
    signer: LocalSigner = field(repr=False)
    verifier: Verifier = field(repr=False)
    headers: dict[str, str] = field(repr=False, default_factory=dict)
    """typ -> first segment and dot of a token; our code names a handful of types."""

    def header(self, typ: str) -> str:
        if typ not in self.headers:
            named = {"alg": self.verifier.alg, "kid": self.verifier.kid, "typ": typ}
            self.headers[typ] = base64url_encode(compact_json(named)) + "."
        return self.headers[typ]


@frozen
class _Set:
    """What holds in [since, until)."""

    since: datetime
    until: datetime
    signers: Mapping[str, _Opened]
    verifiers: Mapping[str, Verifier]
    withdrawn: frozenset[str]
    in_use: frozenset[str]
    jwks: JwksDocument


class Keyring:
    """Signs and verifies. Safe to use from several threads; `load` and the other changes are seen as a whole."""

    def __init__(self, master: MasterKeys, life: KeyLife = DEFAULT) -> None:
        self._master = master
        self.life = life
        """The policy of this process: what its keys are, and how long each step of their life takes."""
        self._opened: dict[tuple[str, str], _Opened] = {}
        self._rows: tuple[SigningKey, ...] = ()
        self._set: _Set | None = None
        self._change = Lock()
        self.unopened: tuple[str, ...] = ()
        """kids that should be in the JWKS and that our master keys do not open. Not empty: alarm, not ready."""

    def __repr__(self) -> str:
        return f"Keyring(kids={sorted(self._set.verifiers) if self._set else []}, unopened={list(self.unopened)})"

    def load(self, rows: Sequence[SigningKey], now: datetime) -> None:
        """Take these rows for all the keys there are.

        Raises `SealError` when there are keys and none of them opens (a wrong master key); the ring stays as it was.
        """
        with self._change:
            opened: dict[tuple[str, str], _Opened] = {}
            unopened = []
            wanted = phases.published(rows, now)
            for row in wanted:
                try:
                    opened[row.kid, row.alg] = self._opened.get((row.kid, row.alg)) or _open(self._master, row)
                except (SealError, algorithms.KeyRefused):
                    unopened.append(row.kid)
            if unopened and not opened:
                raise SealError(f"none of the {len(wanted)} signing keys opens under the master keys of this process")
            self._opened, self.unopened = opened, tuple(unopened)
            self._rows = tuple(rows)
            self._set = self._built(now)

    def load_public_snapshot(self, snapshot: bytes) -> None:
        """Verify and publish, but not sign, by a JWKS document from disk: a cold start without PostgreSQL.

        Raises `jwk.SnapshotError`; the ring stays as it was.
        """
        entries = read_snapshot(snapshot)
        verifiers = {
            entry["kid"]: Verifier(entry["kid"], entry["alg"], algorithms.checking(key, entry["alg"]))
            for entry, key in entries
        }
        published = document(entry for entry, _ in entries)
        with self._change:
            in_use = frozenset(entry["alg"] for entry, _ in entries)
            self._set = _Set(_DISTANT_PAST, _DISTANT_FUTURE, {}, verifiers, frozenset(), in_use, published)

    def refresh(self, now: datetime) -> None:
        """Follow the clock: cheap while no key changes its phase. `sign` and `verify` do it by themselves."""
        self._at(now)

    @property
    def jwks(self) -> JwksDocument | None:
        """The document to serve, as of the last `load`, `refresh`, `sign` or `verify`; None: no keys were loaded."""
        return self._set.jwks if self._set else None

    def signing_kid(self, now: datetime, alg: str = "RS256") -> str | None:
        """The key that would sign at `now`; None: `sign` would raise."""
        ring = self._at(now)
        signer = ring.signers.get(alg) if ring else None
        return signer.verifier.kid if signer else None

    def in_use(self, now: datetime) -> frozenset[str]:
        """Algorithms of which a published key has begun to sign. So one that is only announced is not among them, and
        one whose signer is missing for a while does not come and go."""
        ring = self._at(now)
        return ring.in_use if ring else frozenset()

    async def sign(self, claims: dict[str, Any], *, typ: str, now: datetime, alg: str = "RS256") -> str:
        """A compact JWS (RFC 7515 section 7.1) with the header {alg, kid, typ}. Raises `NoSigningKey`.

        `claims` are JSON-ready and our own; they are neither checked nor changed. Assembled by hand, because this is
        the hottest path of the service and a general encoder costs a third of the signature once more.
        """
        ring = self._at(now)
        key = ring.signers.get(alg) if ring is not None else None
        if key is None:
            raise NoSigningKey(f"no {alg} key may sign now")
        signing_input = key.header(typ) + base64url_encode(compact_json(claims))
        signature = await key.signer.sign(signing_input.encode("ascii"))
        return f"{signing_input}.{base64url_encode(signature)}"

    def verify(
        self,
        token: str,
        *,
        typ: str,
        issuer: str,
        audience: str | Collection[str] | None,
        now: datetime,
        leeway: int = 0,
        client_claim: str = "client_id",
        marks: Marks | None = None,
    ) -> VerifiedClaims | Invalid:
        """The claims of a token that we signed, or why not. Never raises for any token. `leeway` in seconds.

        `typ`: the token type that is expected, such as `at+jwt`. `audience`: one of these, None: any will do.
        `client_claim`: which claim names the client. `marks`: see `jose.verify.Expected`.
        """
        ring = self._at(now)
        if ring is None:
            return Invalid("no_keys")
        expected = Expected(typ, issuer, audience, now.timestamp(), leeway, client_claim, marks)
        return judge_token(token, expected, ring.verifiers, ring.withdrawn)

    def _at(self, now: datetime) -> _Set | None:
        """The set that holds at `now`."""
        ring = self._set
        if ring is None or ring.since <= now < ring.until:
            return ring
        with self._change:
            self._set = self._built(now)
            return self._set

    def _built(self, now: datetime) -> _Set:
        shown = [row for row in phases.published(self._rows, now) if (row.kid, row.alg) in self._opened]
        live = [self._opened[row.kid, row.alg] for row in shown]
        signers = {}
        for alg in algorithms.ALGORITHMS:
            row = phases.signer(self._rows, now, alg)
            if row is not None and (row.kid, row.alg) in self._opened:
                signers[alg] = self._opened[row.kid, row.alg]
        return _Set(
            since=phases.last_change(self._rows, now) or _DISTANT_PAST,
            until=phases.next_change(self._rows, now) or _DISTANT_FUTURE,
            signers=signers,
            verifiers={key.verifier.kid: key.verifier for key in live},
            withdrawn=frozenset(row.kid for row in self._rows if row.withdrawn_at is not None),
            in_use=frozenset(row.alg for row in shown if row.signs_from <= now),
            jwks=document(key.public for key in live),
        )


def _open(master: MasterKeys, row: SigningKey) -> _Opened:
    """One key. Its public half is made anew, not believed. Raises `SealError`, `KeyRefused`."""
    signer = open_signer(master, row)
    verifier = Verifier(row.kid, row.alg, algorithms.checking(signer.public, row.alg))
    return _Opened(jwk.public_jwk(signer.public, row.alg), signer, verifier)
