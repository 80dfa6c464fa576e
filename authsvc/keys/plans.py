"""Verdicts on the life of keys: what `generate`, `rotate` and `withdraw` would change, or why they may not, and what is
due by itself. Pure.

A plan lists rows as they are to be; the store writes them in one transaction, having locked the rows it read. Every
plan keeps three things true (a random walk in the tests looks for the instant when they are not):

- a key leaves the JWKS only when its last token is dead: `signs_until` + longest token + JWKS max-age + skew, or + the
  time between two backups, which may have forgotten that it signed for longer;
- every key has an end from its birth, so that a replica that hears of nothing stops in time; and as long as somebody
  makes the next key when it is due (`plan_step`), some key signs at every instant;
- a key signs only after every cache has seen it: announced for JWKS max-age (30 s at the least) + skew. Two exceptions,
  both because the alternative is no service at all: an installation's first key, and the successor of a withdrawn key.

Phases follow from times, so switching, retiring and dropping need nobody. What somebody must do is make the next key in
time: a line of keys is whole while its last key is announced for at least `wait` more before it signs. So there is
always a key that every cache has seen, ready to follow a leaked one at once; and a key signs only long after the backup
that holds it. Any replica may do it, under the store's lock; all come to the same verdict, and what has been done is no
longer due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from authsvc.jose.names import DEFAULT_ALG
from authsvc.keys.phases import Phase, ended, order, phase_of, published, signer
from authsvc.keys.policy import MAX_PUBLISHED_KEYS, SIGNS_WHILE_CUT_OFF, KeyPolicy, cached, said
from authsvc.keys.records import SigningKey
from authsvc.records import frozen

_MAX_CLOCK_LAG = timedelta(minutes=1)
"""Who signs in place of a withdrawn key is dated back this far, or a replica whose clock is behind would have none."""


@frozen
class GeneratePlan:
    """Make a key and insert it with these times; change the rows of `changes` in the same transaction."""

    alg: str
    announced_at: datetime
    signs_from: datetime
    signs_until: datetime
    drop_after: datetime
    changes: tuple[SigningKey, ...]

    def row(self, kid: str, public_jwk: dict[str, str], sealed: bytes) -> SigningKey:
        """The row of the key that was made. A key that is only foretold has no material."""
        times = (self.announced_at, self.signs_from, self.signs_until, self.drop_after)
        return SigningKey(kid, self.alg, public_jwk, sealed, *times)


@frozen
class RotatePlan:
    """`kid` signs from now on in place of `replaces`."""

    kid: str
    replaces: str | None
    changes: tuple[SigningKey, ...]


@frozen
class AlreadyPlanned:
    """Nothing to do: `kid` is announced, and signs from `at` on."""

    kid: str
    at: datetime


@frozen
class WithdrawPlan:
    """`kid` leaves the JWKS now; `successor` signs at once in its place (None: its signer was another, and stays)."""

    kid: str
    successor: str | None
    changes: tuple[SigningKey, ...]


@frozen
class KeepLonger:
    """Tokens live longer than was foreseen when these ends were set: the keys are to stay published for longer."""

    changes: tuple[SigningKey, ...]


@frozen
class PlanRefused:
    """The change is not made. It would break a promise. `reason` is one line for the operator, and says what to do."""

    reason: str


def plan_generate(
    keys: Sequence[SigningKey],
    now: datetime,
    policy: KeyPolicy,
    alg: str = DEFAULT_ALG,
    after: timedelta = timedelta(),
) -> GeneratePlan:
    """Times of a new key of `alg`, and the end of the key that it will succeed, which signs for `after` at the least.

    The first key of all signs at once, and so does one that finds nobody signing (after a restore, say). The first of a
    further algorithm does not: verifiers hold a JWKS of ours without it.
    """
    line = _line(keys, now, alg)
    if _is_urgent(keys, now, alg):
        until = line[0].signs_from if line else now + policy.life.sign
        return GeneratePlan(alg, now, now, until, until + policy.keep, ())
    last = line[-1] if line else None
    at = max(now + policy.wait, last.signs_from + after) if last else now + policy.wait
    until = at + policy.life.sign
    return GeneratePlan(alg, now, at, until, until + policy.keep, (_closed(last, at, policy),) if last else ())


def plan_rotate(
    keys: Sequence[SigningKey], now: datetime, policy: KeyPolicy, at_once: bool, alg: str = "RS256"
) -> RotatePlan | GeneratePlan | AlreadyPlanned | PlanRefused:
    """Let the next key of `alg` sign: in its own time, or `at_once` if every cache has seen it.

    `GeneratePlan`: no key is announced, so one must be made and announced first.
    """
    following = next(iter(_announced(keys, now, alg)), None)
    if following is None and not at_once:
        return plan_generate(keys, now, policy, alg)
    if following is None:
        return PlanRefused(f"no key is announced: run `{_generate(alg)}` first")
    if not at_once:
        return AlreadyPlanned(following.kid, following.signs_from)
    if full := crowded(keys, now, policy):
        return full
    ready_at = following.announced_at + policy.may_sign_after
    if ready_at > now:
        backup = f"; backup {said(policy.life.backup)} + {said(SIGNS_WHILE_CUT_OFF)}" if policy.life.backup else ""
        lacking = "caches" if following.announced_at + policy.seen_by_all > now else "a restored backup"
        return PlanRefused(
            f"key {following.kid} was announced {said(now - following.announced_at)} ago, and {lacking} may lack it "
            f"for {said(ready_at - now)} more ({cached(policy.around.jwks_max_age)} + skew {said(policy.skew)}"
            f"{backup}): try again at {ready_at:%Y-%m-%d %H:%M:%S %Z}"
        )
    current = signer(keys, now, alg)
    first = replace(following, signs_from=now)
    if current is None:
        return RotatePlan(following.kid, None, (first,))
    return RotatePlan(following.kid, current.kid, (first, _closed(current, now, policy)))


def plan_withdraw(keys: Sequence[SigningKey], now: datetime, kid: str) -> WithdrawPlan | PlanRefused:
    """Drop a leaked key at once. If it signs, the next announced key takes over, even one that caches may lack."""
    key = next((key for key in keys if key.kid == kid), None)
    if key is None:
        return PlanRefused("no key has this kid: `authsvc keys list` shows them")
    phase = phase_of(key, keys, now)
    if phase in (Phase.WITHDRAWN, Phase.DROPPED):
        return PlanRefused(f"this key is {phase} already: nothing verifies with it any more")
    withdrawn = replace(key, withdrawn_at=now)
    rest = apply_changes(keys, (withdrawn,))
    if phase is Phase.ANNOUNCED:
        return WithdrawPlan(kid, None, (withdrawn, *_close_gap(rest, key, now)))
    current = signer(rest, now, key.alg)
    if phase is Phase.RETIRED or current is not None:
        # An operator who rotated a moment ago withdraws the key that slow clocks still sign with.
        just = [current] if current is not None and current.signs_from > now - _MAX_CLOCK_LAG else []
        return WithdrawPlan(kid, None, (withdrawn, *(_dated_back(key, now) for key in just)))
    announced = _announced(rest, now, key.alg)
    if not announced:
        return PlanRefused(
            f"this is the only {key.alg} key that can sign: run `{_generate(key.alg)}` first, then withdraw it; "
            "the new key then signs at once"
        )
    return WithdrawPlan(kid, announced[0].kid, (withdrawn, _dated_back(announced[0], now)))


def plan_step(
    keys: Sequence[SigningKey], now: datetime, policy: KeyPolicy, algorithms: Sequence[str]
) -> GeneratePlan | KeepLonger | None:
    """The next thing to do; None: nothing is due. Ask again after it is done: there may be more."""
    if late := tuple(longer for key in keys if (longer := _longer(key, now, policy.keep))):
        return KeepLonger(late)
    for alg in algorithms:
        if due_at(keys, now, policy, alg) <= now:
            return plan_generate(keys, now, policy, alg, after=policy.life.sign)
    return None


def due_at(keys: Sequence[SigningKey], now: datetime, policy: KeyPolicy, alg: str) -> datetime:
    """When the next key of `alg` must be made; `now` or earlier: it is due."""
    line = _line(keys, now, alg)
    return now if not line or _is_urgent(keys, now, alg) else line[-1].signs_from - policy.wait


def crowded(keys: Sequence[SigningKey], now: datetime, policy: KeyPolicy) -> PlanRefused | None:
    """Whether an operator may not have one key more in the JWKS: there must be room for all that the policy will make
    before it leaves. What makes the next key in time does not ask; nor does a withdrawal, which takes one away."""
    shown = published(keys, now)
    if len(shown) + policy.published * len({key.alg for key in shown}) < MAX_PUBLISHED_KEYS:
        return None
    ends = [key.drop_after for key in shown if key.drop_after is not None]
    when = f", the first of them until {min(ends):%Y-%m-%d %H:%M:%S %Z}" if ends else ""
    return PlanRefused(
        f"the JWKS holds {len(shown)} keys{when}, and every verifier reads all of them: let keys sign as long as the "
        "policy says; a leaked one is withdrawn with `authsvc keys withdraw`"
    )


def apply_changes(keys: Iterable[SigningKey], changes: Iterable[SigningKey]) -> tuple[SigningKey, ...]:
    """The keys as they are after `changes`: what the store's UPDATE does, for looking ahead and for simulations."""
    by_kid = {row.kid: row for row in changes}
    return tuple(by_kid.get(key.kid, key) for key in keys)


def _line(keys: Sequence[SigningKey], now: datetime, alg: str) -> list[SigningKey]:
    """Who signs now and who follows, in this order."""
    current = signer(keys, now, alg)
    return [*([current] if current else []), *_announced(keys, now, alg)]


def _is_urgent(keys: Sequence[SigningKey], now: datetime, alg: str) -> bool:
    """Nobody signs. While no key of a further algorithm has ever signed, and others do, nobody is in a hurry."""
    known = alg == DEFAULT_ALG or not keys or any(key.alg == alg and key.signs_from <= now for key in keys)
    return known and signer(keys, now, alg) is None


def _announced(keys: Sequence[SigningKey], now: datetime, alg: str) -> list[SigningKey]:
    """Keys that have yet to sign, the next one first."""
    return sorted((key for key in keys if key.alg == alg and key.signs_from > now and not ended(key, now)), key=order)


def _longer(key: SigningKey, now: datetime, keep: timedelta) -> SigningKey | None:
    """A key that would be dropped too early, as it is to be. Also one that signs no more: its last tokens may be of the
    new length, by moments, or in a restored database."""
    if key.withdrawn_at is not None or key.signs_until is None:
        return None
    until = key.signs_until + keep
    if until <= now or (key.drop_after is not None and key.drop_after >= until):
        return None
    return replace(key, drop_after=until)


def _generate(alg: str) -> str:
    """The command that makes a key of `alg`."""
    return "authsvc keys generate" + (f" --alg {alg}" if alg != DEFAULT_ALG else "")


def _close_gap(rest: Sequence[SigningKey], gone: SigningKey, now: datetime) -> tuple[SigningKey, ...]:
    """An announced key is gone: the key before it signs on until `gone` would have stopped."""
    before = [key for key in _line(rest, now, gone.alg) if order(key) < order(gone)]
    if not before or before[-1].signs_until is None:
        return ()
    drop_after = gone.drop_after
    if drop_after is not None and before[-1].drop_after is not None:
        drop_after = max(drop_after, before[-1].drop_after)
    return (replace(before[-1], signs_until=gone.signs_until, drop_after=drop_after),)


def _dated_back(key: SigningKey, now: datetime) -> SigningKey:
    """`key` signs now by the clock of every replica."""
    return replace(key, signs_from=max(key.announced_at, now - _MAX_CLOCK_LAG))


def _closed(key: SigningKey, at: datetime, policy: KeyPolicy) -> SigningKey:
    """`key` signs until `at`. It leaves the JWKS no earlier than was said: a replica without the news signs on."""
    drop_after = max(at + policy.keep, key.drop_after or at)
    return replace(key, signs_until=at, drop_after=drop_after)
