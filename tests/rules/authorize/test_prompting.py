"""What a request still needs: a login, another account, a consent, or nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from authsvc.rules.authorize.claims_parameter import ClaimsRequest
from authsvc.rules.authorize.prompting import Hint, Present, Step, mailed_code_will_do, next_step
from authsvc.rules.authorize.request import AuthorizationRequest
from authsvc.rules.client_record import Client
from authsvc.rules.levels import MFA_ACR, PASSWORD_ACR
from authsvc.rules.refused import Refused
from tests.support.clients import changed_client

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HOUSE = Client(id="house", name="House", kind="public", first_party=True)
PARTNER = Client(id="partner", name="Partner", kind="public")
ASKED = AuthorizationRequest(
    client_id="x",
    redirect_uri="https://x.example/cb",
    response_mode="query",
    state=None,
    scope=("openid", "email"),
    code_challenge="c",
    nonce=None,
    prompt=frozenset(),
    max_age=None,
    resource=(),
)
HERE = Present(
    subject="alice",
    roles=("customer",),
    auth_time=NOW - timedelta(minutes=10),
    authenticated_for_this=False,
    lifetime_seconds=3600,
    allowed=(),
    consented=False,
    now=NOW,
)


def step(
    client: Client = HOUSE,
    present: Present | None = HERE,
    *prompt: str,
    max_age: int | None = None,
    hint: Hint | None = None,
    subject: str | None = None,
) -> Step | str:
    asked = replace(ASKED, prompt=frozenset(prompt), max_age=max_age, claims=ClaimsRequest(subject=subject))
    verdict = next_step(asked, client, hint, present)
    return verdict.error if isinstance(verdict, Refused) else verdict


FRESH = replace(HERE, authenticated_for_this=True, auth_time=NOW)


@pytest.mark.parametrize(
    ("present", "prompt", "expected"),
    [
        (None, (), Step.LOG_IN),
        (None, ("none",), "login_required"),
        (HERE, (), Step.GIVE_CODE),
        (HERE, ("none",), Step.GIVE_CODE),
        (HERE, ("login",), Step.LOG_IN),
        (HERE, ("select_account",), Step.LOG_IN),
        (FRESH, ("login",), Step.GIVE_CODE),
        (FRESH, ("select_account",), Step.GIVE_CODE),
        (HERE, ("consent",), Step.CONSENT),
        (FRESH, ("login", "consent"), Step.CONSENT),
        (replace(HERE, consented=True), ("consent",), Step.GIVE_CODE),
    ],
)
def test_prompts(present: Present | None, prompt: tuple[str, ...], expected: Step | str) -> None:
    assert step(HOUSE, present, *prompt) == expected


@pytest.mark.parametrize(
    ("max_age", "present", "expected"),
    [(600, HERE, Step.GIVE_CODE), (599, HERE, Step.LOG_IN), (0, HERE, Step.LOG_IN), (0, FRESH, Step.GIVE_CODE)],
)
def test_max_age_asks_again_but_not_for_ever(max_age: int, present: Present, expected: Step) -> None:
    assert step(HOUSE, present, max_age=max_age) == expected
    if expected is Step.LOG_IN:
        assert step(HOUSE, present, "none", max_age=max_age) == "login_required"


def test_a_login_stands_as_long_as_this_client_lets_it() -> None:
    assert step(HOUSE, replace(HERE, lifetime_seconds=601)) is Step.GIVE_CODE
    assert step(HOUSE, replace(HERE, lifetime_seconds=600)) is Step.LOG_IN
    assert step(HOUSE, replace(HERE, lifetime_seconds=600), "none") == "login_required"


@pytest.mark.parametrize("way", ["hint", "claims"])
def test_another_person_than_the_hinted_one(way: str) -> None:
    bob: dict[str, object] = {"hint": Hint("bob")} if way == "hint" else {"subject": "bob"}
    alice: dict[str, object] = {"hint": Hint("alice")} if way == "hint" else {"subject": "alice"}
    assert step(HOUSE, HERE, **bob) is Step.LOG_IN  # type: ignore[arg-type]
    assert step(HOUSE, HERE, "none", **bob) == "login_required"  # type: ignore[arg-type]
    assert step(HOUSE, FRESH, **bob) == "login_required", "no loop"  # type: ignore[arg-type]
    assert step(HOUSE, HERE, **alice) is Step.GIVE_CODE  # type: ignore[arg-type]


def test_a_hint_that_is_not_ours_is_ignored_but_never_answered_silently() -> None:
    assert step(HOUSE, HERE, hint=Hint(None)) is Step.GIVE_CODE
    assert step(HOUSE, HERE, "none", hint=Hint(None)) == "login_required"


def test_a_missing_role_turns_away() -> None:
    bar = changed_client(HOUSE, required_role="bartender")
    assert step(bar) is Step.TURN_AWAY
    assert step(bar, HERE, "none") == "access_denied"
    assert step(bar, replace(HERE, roles=("bartender",))) is Step.GIVE_CODE


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ((), Step.CONSENT),
        (("openid",), Step.CONSENT),
        (("openid", "email"), Step.GIVE_CODE),
        (("email", "openid", "profile"), Step.GIVE_CODE),
    ],
)
def test_a_third_party_needs_consent_for_all_that_it_asks(allowed: tuple[str, ...], expected: Step) -> None:
    assert step(PARTNER, replace(HERE, allowed=allowed)) is expected
    silent = step(PARTNER, replace(HERE, allowed=allowed), "none")
    assert silent == ("consent_required" if expected is Step.CONSENT else expected)


@pytest.mark.parametrize("uri", ["http://127.0.0.1/cb", "http://localhost:1/cb", "com.example:/cb"])
def test_an_app_that_anybody_can_pose_as_is_consented_to_each_time(uri: str) -> None:
    asked = replace(ASKED, redirect_uri=uri)
    present = replace(HERE, allowed=("openid", "email"))
    assert next_step(asked, PARTNER, None, present) is Step.CONSENT
    assert next_step(asked, replace(PARTNER, kind="confidential"), None, present) is Step.GIVE_CODE
    assert next_step(asked, PARTNER, None, replace(present, consented=True)) is Step.GIVE_CODE


@pytest.mark.parametrize(
    ("uri", "application_type", "dev_mode", "expected"),
    [
        ("com.example.house:/cb", "native", False, Step.GO_ON),
        ("com.example.house:/cb", "native", True, Step.GO_ON),
        ("com.example.house:/cb", "web", True, Step.GO_ON),
        ("http://127.0.0.1:4444/cb", "native", False, Step.GO_ON),
        ("http://127.0.0.1:4444/cb", "native", True, Step.GO_ON),
        ("http://localhost:5173/cb", "web", False, Step.GO_ON),
        ("http://localhost:5173/cb", "web", True, Step.GIVE_CODE),
        ("https://app.example/cb", "native", False, Step.GIVE_CODE),
        ("https://app.example/cb", "web", False, Step.GIVE_CODE),
    ],
)
def test_our_own_app_that_anybody_can_pose_as_gets_no_code_in_silence(
    uri: str, application_type: str, dev_mode: bool, expected: Step
) -> None:
    """RFC 8252 section 8.6: any program on the device may have sent the person here."""
    client = changed_client(HOUSE, application_type=application_type)

    def needed(present: Present, *prompt: str) -> Step | Refused:
        asked = replace(ASKED, redirect_uri=uri, prompt=frozenset(prompt))
        return next_step(asked, client, None, present, dev_mode=dev_mode)

    assert needed(HERE) is expected
    silent = needed(HERE, "none")
    assert (silent.error if isinstance(silent, Refused) else silent) == (
        "interaction_required" if expected is Step.GO_ON else expected
    )
    assert needed(FRESH) is Step.GIVE_CODE, "the login page has just said who asks"
    assert needed(replace(HERE, consented=True)) is Step.GIVE_CODE
    assert needed(FRESH, "consent") is Step.CONSENT
    proved = next_step(replace(ASKED, redirect_uri=uri), replace(client, kind="confidential"), None, HERE)
    assert proved is Step.GIVE_CODE


@pytest.mark.parametrize("way", ["hint", "claims"])
@pytest.mark.parametrize("client", [PARTNER, changed_client(PARTNER, required_role="bartender")], ids=["any", "role"])
def test_a_client_without_consent_does_not_hear_who_is_here(way: str, client: Client) -> None:
    """It would name one person after the other with prompt=none, and learn by the error who is logged in."""

    def heard(present: Present | None, person: str) -> Step | Refused:
        named = {"claims": ClaimsRequest(subject=person)} if way == "claims" else {}
        asked = replace(ASKED, prompt=frozenset({"none"}), **named)  # type: ignore[arg-type]
        return next_step(asked, client, Hint(person) if way == "hint" else None, present)

    answers = {heard(present, person) for person in ("alice", "bob") for present in (None, HERE)}
    assert len(answers) == 1
    assert {answer.error for answer in answers if isinstance(answer, Refused)} == {"login_required"}
    allowed = replace(HERE, allowed=("openid", "email"), roles=("bartender",))
    assert heard(allowed, "alice") is Step.GIVE_CODE
    other = heard(allowed, "bob")
    assert isinstance(other, Refused)
    assert other.error == "login_required"


def test_a_client_without_consent_does_not_hear_of_a_role() -> None:
    client = changed_client(PARTNER, required_role="bartender")
    for roles in (("customer",), ("bartender",)):
        assert step(client, replace(HERE, roles=roles), "none") == "consent_required"
    allowed = replace(HERE, allowed=("openid", "email"))
    assert step(client, allowed, "none") == "access_denied"


def test_single_claims_need_consent_as_their_scope_does() -> None:
    asked = replace(ASKED, scope=("openid",), claims=ClaimsRequest(userinfo=("name",)))
    assert next_step(asked, PARTNER, None, replace(HERE, allowed=("openid",))) is Step.CONSENT
    assert next_step(asked, PARTNER, None, replace(HERE, allowed=("openid", "profile"))) is Step.GIVE_CODE


# the rung that a login stands on

MFA = ("pwd", "otp", "mfa")
ABLE = replace(HERE, reach=MFA_ACR)


@pytest.mark.parametrize(
    ("present", "wish", "must", "prompt", "expected"),
    [
        (HERE, (MFA_ACR,), (), (), Step.GIVE_CODE),
        (ABLE, (MFA_ACR,), (), (), Step.STEP_UP),
        (ABLE, (MFA_ACR,), (), ("none",), Step.GIVE_CODE),
        (ABLE, (PASSWORD_ACR, MFA_ACR), (), (), Step.GIVE_CODE),
        (ABLE, (MFA_ACR, PASSWORD_ACR), (), (), Step.STEP_UP),
        (replace(ABLE, amr=MFA), (MFA_ACR,), (), (), Step.GIVE_CODE),
        (HERE, (), (MFA_ACR,), (), "unmet_authentication_requirements"),
        (HERE, (), (MFA_ACR,), ("none",), "unmet_authentication_requirements"),
        (ABLE, (), (MFA_ACR,), (), Step.STEP_UP),
        (ABLE, (), (MFA_ACR,), ("none",), "interaction_required"),
        (ABLE, (), ("phr", MFA_ACR), (), Step.STEP_UP),
        (replace(ABLE, amr=MFA), (), ("phr",), (), "unmet_authentication_requirements"),
        (replace(ABLE, amr=MFA), (), (PASSWORD_ACR,), (), Step.GIVE_CODE),
    ],
)
def test_a_wish_is_asked_for_and_a_demand_is_met_or_refused(
    present: Present,
    wish: tuple[str, ...],
    must: tuple[str, ...],
    prompt: tuple[str, ...],
    expected: Step | str,
) -> None:
    asked = replace(ASKED, prompt=frozenset(prompt), acr_values=wish, claims=ClaimsRequest(acr=must))
    verdict = next_step(asked, HOUSE, None, present)
    assert (verdict.error if isinstance(verdict, Refused) else verdict) == expected


@pytest.mark.parametrize(
    ("present", "prompt", "expected"),
    [
        (HERE, (), Step.SET_UP),
        (HERE, ("none",), "interaction_required"),
        (ABLE, (), Step.STEP_UP),
        (replace(ABLE, amr=MFA), (), Step.GIVE_CODE),
        (replace(ABLE, amr=MFA), ("none",), Step.GIVE_CODE),
        (None, (), Step.LOG_IN),
    ],
)
@pytest.mark.parametrize("who", ["client", "role"])
def test_a_client_or_a_role_demands_a_rung_of_every_login(
    present: Present | None, prompt: tuple[str, ...], expected: Step | str, who: str
) -> None:
    client = changed_client(HOUSE, required_acr=MFA_ACR) if who == "client" else HOUSE
    if present and who == "role":
        present = replace(present, demanded=MFA_ACR)
    assert step(client, present, *prompt) == expected


def test_an_old_login_is_made_anew_and_not_stepped_up() -> None:
    old = replace(ABLE, auth_time=NOW - timedelta(minutes=30))
    asked = replace(ASKED, max_age=60, acr_values=(MFA_ACR,))
    assert next_step(asked, HOUSE, None, old) is Step.LOG_IN


def test_an_unconsented_client_does_not_learn_what_factors_somebody_has() -> None:
    asked = replace(ASKED, prompt=frozenset({"none"}), claims=ClaimsRequest(acr=(MFA_ACR,)))
    verdicts = {next_step(asked, PARTNER, None, present) for present in (HERE, ABLE, replace(ABLE, amr=MFA))}
    assert len(verdicts) == 1


MAILED = replace(HERE, amr=())
MAIL = changed_client(HOUSE, mail_code_login=True)


@pytest.mark.parametrize(
    ("client", "present", "asked", "expected"),
    [
        (MAIL, MAILED, {}, Step.GIVE_CODE),
        (MAIL, replace(MAILED, amr=("otp",)), {}, Step.GIVE_CODE),
        (MAIL, MAILED, {"acr_values": (PASSWORD_ACR, MFA_ACR)}, Step.GIVE_CODE),
        (HOUSE, MAILED, {}, Step.LOG_IN),
        (HOUSE, replace(MAILED, amr=("otp",)), {}, Step.LOG_IN),
        (HOUSE, replace(MAILED, authenticated_for_this=True), {}, Step.LOG_IN),
        (HOUSE, replace(MAILED, amr=("swk", "user", "mfa")), {}, Step.GIVE_CODE),
        (HOUSE, replace(MAILED, amr=("pwd",)), {}, Step.GIVE_CODE),
        (MAIL, MAILED, {"acr_values": (MFA_ACR, PASSWORD_ACR)}, Step.LOG_IN),
        (MAIL, MAILED, {"claims": ClaimsRequest(acr=(MFA_ACR,))}, Step.LOG_IN),
        (MAIL, MAILED, {"claims": ClaimsRequest(acr_wish=("phr",))}, Step.LOG_IN),
        (MAIL, replace(MAILED, demanded=MFA_ACR, reach=MFA_ACR), {}, Step.LOG_IN),
        (changed_client(MAIL, required_acr=MFA_ACR), replace(MAILED, reach=MFA_ACR), {}, Step.LOG_IN),
    ],
)
def test_a_login_that_a_mailed_code_opened_does_where_the_client_allows_it_and_nothing_more_is_asked_for(
    client: Client, present: Present, asked: dict[str, Any], expected: Step
) -> None:
    request = replace(ASKED, **asked)
    assert next_step(request, client, None, present) is expected
    silent = next_step(replace(request, prompt=frozenset({"none"})), client, None, present)
    assert silent is expected if expected is Step.GIVE_CODE else silent == LOGIN_REQUIRED
    opens = mailed_code_will_do(request, client, present.demanded)
    assert opens is (expected is Step.GIVE_CODE) or present.amr in (("swk", "user", "mfa"), ("pwd",))


LOGIN_REQUIRED = Refused("login_required", "A login is needed.", "login_required")
