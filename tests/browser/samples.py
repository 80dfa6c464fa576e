"""Views with the data of an ordinary day, for screenshots and tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from authsvc.web import pages
from authsvc.web.brand import Look
from authsvc.web.http import Reply

NOW = datetime(2026, 11, 24, 15, 4, tzinfo=UTC)
CALLBACK = "https://shop.example.com/callback"
SCOPE = ("openid", "profile", "email", "offline_access", "orders:read")
PERSON = "mara.lindqvist@example.com"


def session(number: int = 0, *, current: bool = False) -> pages.SessionCard:
    """One of a few typical sessions."""
    device, browser, address, apps, days, minutes = (
        ("Firefox on Windows", "Firefox on Windows", "203.0.113.24", ("Customer app", "Order history"), 2, 0),
        ("Mara’s phone", "Safari on iPhone", "2001:db8:85a3::8a2e:370:7334", ("Customer app",), 6, 3),
        ("Bar terminal 2", "Chrome on Linux", "198.51.100.7", ("Bartender",), 1, 47),
        ("Chrome on Android", "Chrome on Android", "192.0.2.144", ("Customer app",), 24, 2900),
    )[number % 4]
    return pages.SessionCard(
        id=f"00000000-0000-4000-8000-{number:012x}",
        device=device,
        browser=browser,
        address=address,
        apps=apps,
        signed_in=NOW - timedelta(days=days, hours=number % 20),
        last_seen=NOW - timedelta(minutes=minutes + number // 4),
        current=current,
    )


def account(**changes: object) -> pages.Account:
    values: dict[str, object] = {
        "csrf": "csrf-value",
        "account": PERSON,
        "name": "Mara Lindqvist",
        "now": NOW,
        "sessions": (session(current=True), session(1), session(2), session(3)),
        "apps": (
            pages.AppCard("photos", "Photo Printer", ("openid", "profile"), NOW - timedelta(days=40)),
            pages.AppCard("ledger", "Ledger", ("openid", "email", "offline_access"), NOW - timedelta(days=190)),
        ),
    }
    return pages.Account(**{**values, **changes})  # type: ignore[arg-type]


def login(**changes: object) -> pages.Login:
    values: dict[str, object] = {
        "csrf": "csrf-value",
        "request": "closed-box",
        "client_name": "Customer app",
        "targets": (CALLBACK,),
        "remember_me_allowed": True,
    }
    return pages.Login(**{**values, **changes})  # type: ignore[arg-type]


CONSENT = pages.Consent(
    csrf="csrf-value",
    request="closed-box",
    client_name="Photo Printer",
    account=PERSON,
    scope=SCOPE,
    redirect_uri=CALLBACK,
    policy_uri="https://photos.example.com/privacy",
    terms_uri="https://photos.example.com/terms",
)
DEVICE = pages.DeviceConfirm(
    csrf="csrf-value",
    account=PERSON,
    user_code="WDJB-MJHT",
    client_name="Bar terminal",
    scope=("openid", "profile"),
    now=NOW,
    asked_at=NOW - timedelta(minutes=1),
    device="Chrome on Linux",
    address="198.51.100.7",
    request="closed-box",
)
TURNED_AWAY = pages.TurnedAway("csrf-value", "closed-box", "Admin console", PERSON, (CALLBACK,))
FORM_POST = pages.FormPost(CALLBACK, {"code": "ac_sample", "state": 'a"b<c>&', "iss": "https://auth.example.com"})

PAGES: dict[str, Callable[[Look, str], Reply]] = {
    "login": lambda look, lang: pages.login_page(look, lang, login()),
    "login-wrong": lambda look, lang: pages.login_page(
        look, lang, login(username=PERSON, remember_me=True, problem=pages.Problem("credentials"))
    ),
    "login-too-many": lambda look, lang: pages.login_page(
        look, lang, login(username=PERSON, problem=pages.Problem("too_many", retry_after=840))
    ),
    "login-unavailable": lambda look, lang: pages.login_page(
        look, lang, login(username=PERSON, problem=pages.Problem("unavailable", retry_after=3))
    ),
    "consent": lambda look, lang: pages.consent_page(look, lang, CONSENT),
    "account": lambda look, lang: pages.account_page(look, lang, account()),
    "account-problem": lambda look, lang: pages.account_page(
        look,
        lang,
        account(problem=pages.Problem("password_short", count=8), sessions=(session(current=True),), apps=()),
    ),
    "account-notice": lambda look, lang: pages.account_page(
        look, lang, account(notice="others_ended", count=3, sessions=(session(current=True),), apps=())
    ),
    "account-pages": lambda look, lang: pages.account_page(look, lang, account(total=1001, page=2, pages=21)),
    "device": lambda look, lang: pages.device_page(look, lang, pages.DeviceEntry("csrf-value", PERSON)),
    "device-wrong": lambda look, lang: pages.device_page(
        look, lang, pages.DeviceEntry("csrf-value", PERSON, "WDJB-MJHX", problem=pages.Problem("user_code"))
    ),
    "device-confirm": lambda look, lang: pages.device_page(look, lang, DEVICE),
    "device-done": lambda look, lang: pages.device_page(look, lang, pages.DeviceDone(True)),
    "device-denied": lambda look, lang: pages.device_page(look, lang, pages.DeviceDone(False)),
    "logout": lambda look, lang: pages.logout_page(look, lang, pages.LogoutConfirm("csrf-value", PERSON)),
    "logout-done": lambda look, lang: pages.logout_page(
        look, lang, pages.LogoutDone("Customer app", "https://shop.example.com/")
    ),
    "turned-away": lambda look, lang: pages.turned_away_page(look, lang, TURNED_AWAY),
    "error": lambda look, lang: pages.error_page(
        look, lang, pages.Failure("bad_request", "7f3a9c0000001a", "redirect_uri_not_registered")
    ),
    "error-role": lambda look, lang: pages.error_page(
        look, lang, pages.Failure("role_missing", "7f3a9c0000001c", "role_missing")
    ),
    "error-unavailable": lambda look, lang: pages.error_page(
        look, lang, pages.Failure("unavailable", "7f3a9c0000001b", retry_after=4)
    ),
    "form-post": lambda look, lang: pages.form_post_page(look, lang, FORM_POST),
}
