"""Views with the data of an ordinary day, for screenshots and tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from starlette.responses import Response

from authsvc.flows.account.factors import Factors, SettingUp
from authsvc.flows.account.own_events import History, Newest
from authsvc.flows.account.result_message import ResultMessage
from authsvc.flows.account.sessions_and_apps import Overview
from authsvc.flows.authorize.authorize import ShowPage
from authsvc.flows.device.confirm_device import Found
from authsvc.flows.ending.browser_logout import AskFirst
from authsvc.flows.login.second_step import SecondStep
from authsvc.rules.authorize.prompting import Step
from authsvc.rules.authorize.request import AuthorizationRequest
from authsvc.rules.factors.passkey_record import Passkey
from authsvc.rules.factors.recovery_codes import code_of
from authsvc.rules.factors.totp import address_of, text_of
from authsvc.rules.people.own_events import OwnEvent
from authsvc.rules.person_record import User
from authsvc.rules.proofs.proof import Purpose
from authsvc.settings import Settings
from authsvc.store.account.sessions_and_apps import App, Listed
from authsvc.store.device.requests import DeviceRequest
from authsvc.store.factors.one_time_codes import Authenticator
from authsvc.store.factors.trusted_devices import TrustedDevice
from authsvc.store.session.browser_sessions import BrowserSession
from authsvc.web.http.request import Request
from authsvc.web.pages import account_views, factor_views, proof_views, views
from authsvc.web.pages.passkey_views import NewPasskey
from authsvc.web.pages.views import Failure, Problem, View
from tests.support.clients import flat_client

ISSUER = "https://auth.example.com"
NOW = datetime(2026, 11, 24, 15, 4, tzinfo=UTC)
CALLBACK = "https://shop.example.com/callback"
SCOPE = ("openid", "profile", "email", "offline_access", "orders:read")
PERSON = "mara.lindqvist@example.com"

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)
LINUX = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36"
)


def draw(settings: Settings, language: str, view: View) -> Response:
    """A page as a browser of this language would see it."""

    async def nothing() -> Any:
        raise AssertionError

    accept = [(b"accept-language", language.encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": accept}
    return views.page(Request(cast(Any, SimpleNamespace(settings=settings)), scope, nothing, "id1"), view)


def browser(account: str = PERSON, name: str = "Mara Lindqvist") -> BrowserSession:
    user = User(UUID(int=1), account, name, (), None, None)
    return BrowserSession(UUID(int=0), user, NOW, NOW, False, NOW, NOW)


def asked(scope: tuple[str, ...] = SCOPE, redirect_uri: str = CALLBACK) -> AuthorizationRequest:
    return AuthorizationRequest(
        client_id="photos",
        redirect_uri=redirect_uri,
        response_mode="query",
        state=None,
        scope=scope,
        code_challenge="",
        nonce=None,
        prompt=frozenset(),
        max_age=None,
        resource=(),
    )


def session(number: int = 0) -> Listed:
    """One of a few typical sessions; number 0 is that of this browser."""
    device, agent, address, apps, days, minutes = (
        ("Firefox on Windows", FIREFOX, "203.0.113.24", ("Customer app", "Order history"), 2, 0),
        ("Mara’s phone", SAFARI, "2001:db8:85a3::8a2e:370:7334", ("Customer app",), 6, 3),
        ("Bar terminal 2", LINUX, "198.51.100.7", ("Bartender",), 1, 47),
        ("Chrome on Android", ANDROID, "192.0.2.144", ("Customer app",), 24, 2900),
    )[number % 4]
    return Listed(
        id=UUID(int=number),
        device_info=device,
        ip_address=address,
        user_agent=agent,
        created_at=NOW - timedelta(days=days, hours=number % 20),
        last_activity=NOW - timedelta(minutes=minutes + number // 4),
        apps=apps,
    )


APPS = (
    App("photos", "Photo Printer", ("openid", "profile"), NOW - timedelta(days=40)),
    App("ledger", "Ledger", ("openid", "email", "offline_access"), NOW - timedelta(days=190)),
)


def overview(sessions: int = 4, apps: tuple[App, ...] = APPS) -> Overview:
    return Overview(browser(), [session(number) for number in range(sessions)], sessions, 1, apps)


def account(found: Overview | None = None, **changes: Any) -> views.Account:
    return views.Account(found or overview(), csrf="csrf-value", **changes)


def event(kind: str = "theft", text: str = "Mara’s phone", apps: tuple[str, ...] = ("Customer app",)) -> OwnEvent:
    return OwnEvent(7, NOW - timedelta(hours=3), kind, kind == "renamed", text, text and "203.0.113.24", apps)


EVENTS = (event(), event("renamed", "", ()), event("new_device", "Chrome on Android", ()), event("address_changed"))


def own_events(*events: OwnEvent, more: bool = False) -> View:
    return account_views.OwnEvents(History(browser(), events, more))


def own_profile(name: str = "Mara Lindqvist", locale: str = "", **changes: Any) -> View:
    return account_views.OwnProfile(PERSON, name, locale, csrf="csrf-value", **changes)


def login(**changes: Any) -> views.Login:
    values = {"request": "closed-box", "client_name": "Customer app", "target": CALLBACK, "remember_me_allowed": True}
    return views.Login(**{"csrf": "csrf-value", **values, **changes})


def consent(**changes: Any) -> views.Consent:
    client = flat_client(
        name="Photo Printer",
        policy_uri="https://photos.example.com/privacy",
        tos_uri="https://photos.example.com/terms",
    )
    found = replace(ShowPage(Step.CONSENT, "closed-box", client, asked(), PERSON), **changes)
    return views.Consent(found, csrf="csrf-value", target=found.request.redirect_uri)


def go_on(name: str = "House app", account: str = PERSON) -> views.GoOn:
    uri, client = "com.example.house:/cb", flat_client(name=name, first_party=True)
    found = ShowPage(Step.GO_ON, "closed-box", client, asked(redirect_uri=uri), account)
    return views.GoOn(found, csrf="csrf-value", target=uri)


def device(**changes: Any) -> views.DeviceConfirm:
    waiting = DeviceRequest(
        id=UUID(int=2),
        client_id="terminal",
        scope=("openid", "profile"),
        device_info="Chrome on Linux",
        ip_address="198.51.100.7",
        created_at=NOW - timedelta(minutes=1),
        now=NOW,
    )
    found = Found(waiting, flat_client(name="Bar terminal"), "WDJB-MJHT", "closed-box")
    return views.DeviceConfirm(PERSON, replace(found, **changes), csrf="csrf-value")


def turned_away(name: str = "Admin console", account: str = PERSON) -> views.TurnedAway:
    found = ShowPage(Step.TURN_AWAY, "closed-box", flat_client(name=name), asked(), account)
    return views.TurnedAway(found, csrf="csrf-value", target=CALLBACK)


def logout(account: str = PERSON, sealed: str = "closed-box") -> views.LogoutConfirm:
    return views.LogoutConfirm(AskFirst(sealed, browser(account), None), csrf="csrf-value")


def passkey(number: int = 1, **changes: Any) -> Passkey:
    made = NOW - timedelta(days=30 * number)
    values: dict[str, Any] = {"aaguid": UUID("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4"), "last_used_at": NOW}
    values |= {"name": "", "rp_id": "example.com", "backup_eligible": True, "backed_up": True, **changes}
    return Passkey(
        id=UUID(int=number),
        user_id=UUID(int=9),
        credential_id=b"id",
        public_key=b"key",
        sign_count=0,
        transports=(),
        created_at=made,
        **values,
    )


PASSKEYS = (
    passkey(),
    passkey(2, name="Security key on the keyring", backup_eligible=False, aaguid=UUID(int=0), last_used_at=None),
)


def new_passkey(**changes: Any) -> View:
    values = {"account": PERSON, "options": "{}", "challenge": "closed-box", "csrf": "csrf-value", **changes}
    return NewPasskey(**values)


FORM_POST = views.FormPost(
    {"code": "ac_sample", "state": 'a"b<c>&', "iss": "https://auth.example.com"}, target=CALLBACK
)


def ask_for_letter(text: str = PERSON, sealed: str = "closed-box", **changes: Any) -> View:
    return proof_views.AskForLetter(Purpose.RESET, "/reset", text, sealed, csrf="csrf-value", **changes)


def letter_sent(text: str = PERSON, sealed: str = "closed-box", **changes: Any) -> View:
    return replace(proof_views.LetterSent(Purpose.RESET, text, sealed, sealed, csrf="csrf-value"), **changes)


def mail_code(text: str = PERSON, name: str = "Customer app", **changes: Any) -> View:
    view = proof_views.AskForLetter(Purpose.LOGIN, "/login/mail", text, "closed-box", name, True, csrf="csrf-value")
    return replace(view, target=CALLBACK, **changes)


def mail_code_link(text: str = PERSON, name: str = "Customer app") -> View:
    return proof_views.ConfirmProof(
        Purpose.LOGIN, text, "closed-box", client_name=name, csrf="csrf-value", target=CALLBACK
    )


def choose_password(text: str = PERSON, sealed: str = "closed-box", **changes: Any) -> View:
    view = proof_views.ChoosePassword(Purpose.RESET, text, sealed, request=sealed, csrf="csrf-value")
    return replace(view, **changes)


def confirm_proof(text: str = PERSON, sealed: str = "closed-box", **changes: Any) -> View:
    view = proof_views.ConfirmProof(Purpose.VERIFY, text, sealed, request=sealed, csrf="csrf-value")
    return replace(view, **changes)


TRUSTED = (
    TrustedDevice(UUID(int=7), "Firefox on Windows", NOW - timedelta(days=9), NOW, NOW + timedelta(days=21)),
    TrustedDevice(UUID(int=8), "Safari on iPhone", NOW, None, NOW + timedelta(days=30)),
)


def second_step(*ways: str, sealed: str = "closed-box", trust_days: int = 0, **changes: Any) -> View:
    asked_for = SecondStep(UUID(int=1), sealed, {way: {} for way in ways}, trust_days)
    return views.SecondStep(asked_for, sealed, csrf="csrf-value", target=CALLBACK, **changes)


def set_up_factor(name: str = "Admin console", account: str = PERSON) -> View:
    found = ShowPage(Step.SET_UP, "closed-box", flat_client(name=name), asked(), account)
    return views.SetUpFactor(found, csrf="csrf-value", target=CALLBACK)


def setting_up(account: str = PERSON) -> SettingUp:
    secret = b"12345678901234567890"
    return SettingUp(address_of(secret, issuer="authsvc", account=account), text_of(secret))


APP = Authenticator(
    UUID(int=1), UUID(int=2), b"", 1, 0, NOW - timedelta(days=40), used_at=NOW - timedelta(hours=3), now=NOW
)


def factors(account: str = PERSON, *, app: Authenticator | None = None, codes_left: int = 0, **changes: Any) -> View:
    begun = changes.pop("begun", None)
    found = Factors(browser(account), app, codes_left, begun)
    return factor_views.AccountFactors(found, csrf="csrf-value", **changes)


PAGES: dict[str, View] = {
    "login": login(),
    "login-wrong": login(
        forgot="/reset", join="/signup", username=PERSON, remember_me=True, problem=Problem("credentials")
    ),
    "login-too-many": login(username=PERSON, problem=Problem("too_many", retry_after=840)),
    "login-unavailable": login(username=PERSON, problem=Problem("unavailable", retry_after=3)),
    "login-expired": login(username=PERSON, problem=Problem("expired")),
    "second-step": second_step("otp", "recovery_code"),
    "second-step-wrong": second_step("otp", "recovery_code", way="otp", problem=Problem("second_factor")),
    "second-step-recovery": second_step("recovery_code", way="recovery_code", problem=Problem("second_factor")),
    "set-up-factor": set_up_factor(),
    "factors": factors(),
    "factors-app": factors(app=APP, codes_left=7, notice=ResultMessage("factor_removed")),
    "factors-setting-up": factors(begun=setting_up(), problem=Problem("second_factor")),
    "recovery-codes": factor_views.RecoveryCodes(tuple(code_of(bytes([n] * 10)) for n in range(10)), added=True),
    "login-passkey": login(passkeys=True, problem=Problem("passkey")),
    "consent": consent(),
    "go-on": go_on(),
    "account": account(),
    "account-problem": account(overview(1, ()), problem=Problem("password_short", count=8)),
    "account-notice": account(overview(1, ()), notice=ResultMessage("others_ended", 3)),
    "account-pages": account(replace(overview(), total=1001, page=2)),
    "account-passkeys": account(replace(overview(1, ()), passkeys=PASSKEYS), passkeys=True),
    "account-passkey-last": account(replace(overview(1, ()), passkeys=PASSKEYS), problem=Problem("passkey_last")),
    "passkey-new": new_passkey(),
    "passkey-known": new_passkey(name="Keyring", problem=Problem("passkey_known")),
    "device": views.DeviceEntry(PERSON, csrf="csrf-value"),
    "device-wrong": views.DeviceEntry(PERSON, "WDJB-MJHX", csrf="csrf-value", problem=Problem("user_code")),
    "device-confirm": device(),
    "device-done": views.DeviceDone(True),
    "device-denied": views.DeviceDone(False),
    "logout": logout(),
    "logout-done": views.LogoutDone("Customer app", "https://shop.example.com/"),
    "turned-away": turned_away(),
    "error": Failure("bad_request", "7f3a9c0000001a", "redirect_uri_not_registered"),
    "error-expired": Failure("expired", "7f3a9c0000001d", "request_expired", back="https://shop.example.com/"),
    "error-role": Failure("role_missing", "7f3a9c0000001c", "role_missing"),
    "error-unavailable": Failure("unavailable", "7f3a9c0000001b", retry_after=4),
    "form-post": FORM_POST,
    "login-mail": login(mail_code="/login/mail", forgot="/reset"),
    "mail-code": mail_code(),
    "mail-code-sent": letter_sent(purpose=Purpose.LOGIN, target=CALLBACK),
    "mail-code-link": mail_code_link(),
    "mail-code-elsewhere": proof_views.ProofElsewhere(),
    "mail-code-level": login(forgot="/reset", username=PERSON, problem=Problem("mail_code_level")),
    "reset": ask_for_letter("", ""),
    "reset-wrong": ask_for_letter("mara", problem=Problem("email"), target=ISSUER),
    "reset-sent": letter_sent(),
    "reset-code": letter_sent(problem=Problem("mailed_code")),
    "reset-factor": replace(second_step("otp", "recovery_code"), action="/proof/second", key="closed-box", target=None),
    "reset-password": choose_password(),
    "reset-short": choose_password(problem=Problem("password_short", count=8)),
    "reset-done": proof_views.ProofDone("reset", PERSON),
    "reset-done-on": proof_views.ProofDone("reset", PERSON, "closed-box", csrf="csrf-value", target=ISSUER),
    "verify": confirm_proof(),
    "verify-done": proof_views.ProofDone("verify", PERSON),
    "address-change": confirm_proof(purpose=Purpose.ADDRESS_CHANGE, account="mara@example.org"),
    "address-taken": proof_views.ProofDone("address_taken", PERSON),
    "undo-address": confirm_proof(purpose=Purpose.UNDO_ADDRESS, account="thief@example.org"),
    "undo-done": proof_views.ProofDone("undo_address", PERSON),
    "not-me": confirm_proof(purpose=Purpose.NOT_ME),
    "account-address": account(overview(1, ()), problem=Problem("email"), at_address=True, can_mail=True),
    "signup": proof_views.AskForLetter(Purpose.REGISTRATION, "/signup", csrf="csrf-value"),
    "signup-password": choose_password(purpose=Purpose.REGISTRATION, name=""),
    "signup-name": choose_password(purpose=Purpose.REGISTRATION, name="x" * 256, problem=Problem("name")),
    "invitation": choose_password(purpose=Purpose.INVITATION, name="Mara Lindqvist"),
    "proof-void": proof_views.ProofVoid(),
    "account-theft": account(replace(overview(1, ()), happened=Newest(EVENTS, True, EVENTS[:1]))),
    "account-events": own_events(*EVENTS, more=True),
    "account-no-events": own_events(),
    "account-profile": own_profile(),
    "account-delete": account_views.DeleteAccount(PERSON, csrf="csrf-value"),
    "account-may-delete": account(overview(1, ()), can_delete=True),
    "account-trusted": account(replace(overview(1, ()), trusted=TRUSTED)),
    "second-step-trust": second_step("otp", trust_days=30, trust=True),
    "account-deleted": account_views.AccountDeleted(),
    "account-profile-wrong": own_profile("x" * 300, "de", problem=Problem("name")),
}
