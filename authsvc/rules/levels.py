"""How sure we are of a person: the ladder of authentication contexts, from what was proved to what was asked for
(OpenID Connect Core sections 2 and 5.5.1.1, RFC 9470).

    urn:authsvc:acr:password    one factor, whichever
    urn:authsvc:acr:mfa         two factors of different kinds
    phr                         a key that no other site can ask for (OpenID EAP ACR Values)
    phrh                        the same, and the key cannot leave its hardware

Whoever stands on one rung stands on all below it. What was proved is a list of RFC 8176 names (`amr`). A mailed code
has none of these names and is no factor (NIST SP 800-63B-4 section 3.1.3): it opens a login on the lowest rung, and
what is proved after it counts as if it had been proved alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

PASSWORD_ACR = "urn:authsvc:acr:password"  # noqa: S105 - the name of a login method
MFA_ACR = "urn:authsvc:acr:mfa"
PHR_ACR = "phr"
PHRH_ACR = "phrh"
LADDER = (PASSWORD_ACR, MFA_ACR, PHR_ACR, PHRH_ACR)
SUPPORTED = LADDER
"""The rungs that the factors of this service reach."""
_SECOND = frozenset({"otp", "hwk", "swk"})
"""What nobody has by knowing a password."""
_FIRST = frozenset({"pwd", "hwk", "swk"})
"""What opens a login by itself."""


def acr_of(amr: Collection[str]) -> str:
    """The highest rung that a proof of these methods stands on. `hwk`: a key in hardware; `swk`: one that may be
    copied between a person's devices."""
    if "hwk" in amr:
        return PHRH_ACR
    if "swk" in amr:
        return PHR_ACR
    return MFA_ACR if "mfa" in amr else PASSWORD_ACR


def is_by_mail(amr: Collection[str]) -> bool:
    """Whether a login was opened by a mailed code: nothing that it proved opens one."""
    return _FIRST.isdisjoint(amr)


def reaches(acr: str, wanted: str) -> bool:
    """Whether `acr` is as high as `wanted`. Nobody reaches what is not on the ladder."""
    return wanted in LADDER and acr in LADDER and LADDER.index(acr) >= LADDER.index(wanted)


def highest(acrs: Iterable[str]) -> str:
    """The highest of some rungs, the lowest of the ladder where there are none."""
    return max((acr for acr in acrs if acr in LADDER), key=LADDER.index, default=PASSWORD_ACR)


def demanded_of(roles: Collection[str], mfa_roles: Collection[str]) -> str:
    """The rung that a person's roles demand of every login."""
    return PASSWORD_ACR if set(mfa_roles).isdisjoint(roles) else MFA_ACR


def roles_reached(roles: Sequence[str], amr: Collection[str], mfa_roles: Collection[str]) -> tuple[str, ...]:
    """Those of a person's roles that a login of these methods may act with: one that demands a second factor is left
    out of a login without one, whenever the person got it."""
    if reaches(acr_of(amr), demanded_of(roles, mfa_roles)):
        return tuple(roles)
    return tuple(role for role in roles if role not in mfa_roles)


def known(acrs: Iterable[str]) -> tuple[str, ...]:
    """Those that are on the ladder, each once, in the order in which they came."""
    return tuple(dict.fromkeys(acr for acr in acrs if acr in LADDER))


def aim(wanted: Sequence[str], acr: str, reach: str) -> str | None:
    """Which of the wanted contexts to go for: the first, in the order of preference, that the login has reached or the
    person can reach. None: none of them. `reach`: the highest that the person's factors give."""
    return next((one for one in wanted if reaches(acr, one) or reaches(reach, one)), None)


def stated(amr: Collection[str], wanted: Sequence[str]) -> str:
    """The `acr` of a token: the first of what was asked for that the login reaches, else all that it reaches. So who
    asks for one rung by name finds that name, also where the login stands higher (section 5.5.1.1)."""
    acr = acr_of(amr)
    return next((one for one in wanted if reaches(acr, one)), acr)


def combined(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    """The methods of two proofs of different kinds as one `amr` (RFC 8176 section 2, `mfa`); after a mailed code the
    second one stands alone."""
    methods = tuple(dict.fromkeys(method for method in (*first, *second) if method != "mfa"))
    return methods if is_by_mail(methods) else (*methods, "mfa")


def without(amr: Iterable[str], gone: Collection[str]) -> tuple[str, ...]:
    """What is left of a login when the factor that proved some of its methods is removed."""
    left = tuple(method for method in amr if method not in gone and method != "mfa")
    return left if _SECOND.isdisjoint(left) or is_by_mail(left) else (*left, "mfa")
