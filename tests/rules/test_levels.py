"""The ladder: from what was proved to the rung it stands on, and what may be said of it."""

from __future__ import annotations

import pytest

from authsvc.rules.levels import (
    LADDER,
    MFA_ACR,
    PASSWORD_ACR,
    PHR_ACR,
    PHRH_ACR,
    acr_of,
    aim,
    combined,
    demanded_of,
    highest,
    is_by_mail,
    known,
    reaches,
    stated,
    without,
)


@pytest.mark.parametrize(
    ("amr", "acr"),
    [
        ((), PASSWORD_ACR),
        (("pwd",), PASSWORD_ACR),
        (("otp",), PASSWORD_ACR),
        (("pwd", "otp", "mfa"), MFA_ACR),
        (("pwd", "mfa"), MFA_ACR),
        (("swk", "user", "mfa"), PHR_ACR),
        (("hwk", "user", "mfa"), PHRH_ACR),
        (("pwd", "hwk", "user", "mfa"), PHRH_ACR),
    ],
)
def test_what_was_proved_stands_on_one_rung(amr: tuple[str, ...], acr: str) -> None:
    assert acr_of(amr) == acr


def test_who_stands_on_a_rung_stands_on_all_below_and_on_none_that_is_unknown() -> None:
    for high, acr in enumerate(LADDER):
        assert [reaches(acr, one) for one in LADDER] == [low <= high for low in range(len(LADDER))]
        assert not reaches(acr, "urn:other")
        assert not reaches("urn:other", acr)


def test_the_highest_of_none_is_the_lowest_rung() -> None:
    assert highest(()) == PASSWORD_ACR
    assert highest(("x", PHR_ACR, MFA_ACR)) == PHR_ACR


def test_what_is_not_on_the_ladder_is_left_out_and_the_order_kept() -> None:
    assert known(("x", PHR_ACR, MFA_ACR, "", PHR_ACR)) == (PHR_ACR, MFA_ACR)


@pytest.mark.parametrize(
    ("wanted", "acr", "reach", "found"),
    [
        ((), PASSWORD_ACR, PHRH_ACR, None),
        ((MFA_ACR,), PASSWORD_ACR, PASSWORD_ACR, None),
        ((MFA_ACR,), PASSWORD_ACR, MFA_ACR, MFA_ACR),
        ((PHR_ACR, MFA_ACR), PASSWORD_ACR, MFA_ACR, MFA_ACR),
        ((PHR_ACR, MFA_ACR), MFA_ACR, PHR_ACR, PHR_ACR),
        ((MFA_ACR, PASSWORD_ACR), PASSWORD_ACR, MFA_ACR, MFA_ACR),
        ((MFA_ACR, PASSWORD_ACR), PASSWORD_ACR, PASSWORD_ACR, PASSWORD_ACR),
    ],
)
def test_the_aim_is_the_first_wish_that_can_be_reached(
    wanted: tuple[str, ...], acr: str, reach: str, found: str | None
) -> None:
    assert aim(wanted, acr, reach) == found


@pytest.mark.parametrize(
    ("amr", "wanted", "said"),
    [
        (("pwd",), (), PASSWORD_ACR),
        (("pwd", "otp", "mfa"), (), MFA_ACR),
        (("pwd", "otp", "mfa"), (PASSWORD_ACR,), PASSWORD_ACR),
        (("swk", "mfa"), (MFA_ACR,), MFA_ACR),
        (("pwd",), (MFA_ACR,), PASSWORD_ACR),
        (("pwd", "otp", "mfa"), (PHR_ACR, MFA_ACR), MFA_ACR),
    ],
)
def test_a_token_names_the_rung_that_was_asked_for_and_never_one_that_was_not_reached(
    amr: tuple[str, ...], wanted: tuple[str, ...], said: str
) -> None:
    assert stated(amr, wanted) == said
    assert reaches(acr_of(amr), stated(amr, wanted))


def test_two_proofs_are_mfa_and_name_each_method_once() -> None:
    assert combined(("pwd",), ("otp",)) == ("pwd", "otp", "mfa")
    assert combined(("pwd",), ("mfa",)) == ("pwd", "mfa")
    assert combined(("pwd", "otp", "mfa"), ("swk", "user")) == ("pwd", "otp", "swk", "user", "mfa")


@pytest.mark.parametrize(
    ("second", "amr", "acr"),
    [
        ((), (), PASSWORD_ACR),
        (("otp",), ("otp",), PASSWORD_ACR),
        (("mfa",), (), PASSWORD_ACR),
        (("swk", "user", "mfa"), ("swk", "user", "mfa"), PHR_ACR),
        (("hwk", "user", "mfa"), ("hwk", "user", "mfa"), PHRH_ACR),
    ],
)
def test_after_a_mailed_code_a_proof_stands_alone(second: tuple[str, ...], amr: tuple[str, ...], acr: str) -> None:
    assert combined((), second) == amr
    assert acr_of(combined((), second)) == acr
    assert combined(combined((), second), ("otp",)).count("mfa") == (acr != PASSWORD_ACR)


@pytest.mark.parametrize(
    ("amr", "mailed"),
    [
        ((), True),
        (("otp",), True),
        (("pwd",), False),
        (("pwd", "otp", "mfa"), False),
        (("pwd", "mfa"), False),
        (("swk", "user", "mfa"), False),
        (("hwk", "user", "mfa"), False),
    ],
)
def test_a_login_that_proved_nothing_that_opens_one_was_opened_by_mail(amr: tuple[str, ...], mailed: bool) -> None:
    assert is_by_mail(amr) is mailed


@pytest.mark.parametrize(
    ("amr", "gone", "left"),
    [
        (("pwd", "otp", "mfa"), {"otp"}, ("pwd",)),
        (("pwd", "mfa"), set(), ("pwd",)),
        (("pwd", "otp", "swk", "user", "mfa"), {"otp"}, ("pwd", "swk", "user", "mfa")),
        (("pwd", "otp", "swk", "user", "mfa"), {"swk", "user"}, ("pwd", "otp", "mfa")),
        (("swk", "user", "otp", "mfa"), {"swk", "user"}, ("otp",)),
        (("otp",), {"otp"}, ()),
    ],
)
def test_a_login_without_one_of_its_factors_is_what_the_others_proved(
    amr: tuple[str, ...], gone: set[str], left: tuple[str, ...]
) -> None:
    assert without(amr, gone) == left


def test_a_role_demands_a_second_factor_where_it_is_named() -> None:
    assert demanded_of(("customer", "admin"), ("admin",)) == MFA_ACR
    assert demanded_of(("customer",), ("admin",)) == PASSWORD_ACR
    assert demanded_of((), ()) == PASSWORD_ACR
