"""Views with the data of an ordinary day, for screenshots and tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from authsvc.web.http.reply import Reply
from authsvc.web.pages import views
from authsvc.web.pages.brand import Look

NOW = datetime(2026, 11, 24, 15, 4, tzinfo=UTC)
CALLBACK = "https://shop.example.com/callback"
SCOPE = ("openid", "profile", "email", "offline_access", "orders:read")
PERSON = "mara.lindqvist@example.com"


def session(number: int = 0, *, current: bool = False) -> views.SessionCard:
    """One of a few typical sessions."""
    device, browser, address, apps, days, minutes = (
        ("Firefox on Windows", "Firefox on Windows", "203.0.113.24", ("Customer app", "Order history"), 2, 0),
        ("Mara’s phone", "Safari on iPhone", "2001:db8:85a3::8a2e:370:7334", ("Customer app",), 6, 3),
        ("Bar terminal 2", "Chrome on Linux", "198.51.100.7", ("Bartender",), 1, 47),
        ("Chrome on Android", "Chrome on Android", "192.0.2.144", ("Customer app",), 24, 2900),
    )[number % 4]
    return views.SessionCard(
        id=f"00000000-0000-4000-8000-{number:012x}",
        device=device,
        browser=browser,
        address=address,
        apps=apps,
        signed_in=NOW - timedelta(days=days, hours=number % 20),
        last_seen=NOW - timedelta(minutes=minutes + number // 4),
        current=current,
    )


def account(**changes: object) -> views.Account:
    values: dict[str, object] = {
        "csrf": "csrf-value",
        "account": PERSON,
        "name": "Mara Lindqvist",
        "now": NOW,
        "sessions": (session(current=True), session(1), session(2), session(3)),
        "apps": (
            views.AppCard("photos", "Photo Printer", ("openid", "profile"), NOW - timedelta(days=40)),
            views.AppCard("ledger", "Ledger", ("openid", "email", "offline_access"), NOW - timedelta(days=190)),
        ),
    }
    return views.Account(**{**values, **changes})  # type: ignore[arg-type]


def login(**changes: object) -> views.Login:
    values: dict[str, object] = {
        "csrf": "csrf-value",
        "request": "closed-box",
        "client_name": "Customer app",
        "targets": (CALLBACK,),
        "remember_me_allowed": True,
    }
    return views.Login(**{**values, **changes})  # type: ignore[arg-type]


CONSENT = views.Consent(
    csrf="csrf-value",
    request="closed-box",
    client_name="Photo Printer",
    account=PERSON,
    scope=SCOPE,
    redirect_uri=CALLBACK,
    policy_uri="https://photos.example.com/privacy",
    terms_uri="https://photos.example.com/terms",
)
DEVICE = views.DeviceConfirm(
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
TURNED_AWAY = views.TurnedAway("csrf-value", "closed-box", "Admin console", PERSON, (CALLBACK,))
FORM_POST = views.FormPost(CALLBACK, {"code": "ac_sample", "state": 'a"b<c>&', "iss": "https://auth.example.com"})

PAGES: dict[str, Callable[[Look, str], Reply]] = {
    "login": lambda look, lang: views.login_page(look, lang, login()),
    "login-wrong": lambda look, lang: views.login_page(
        look, lang, login(username=PERSON, remember_me=True, problem=views.Problem("credentials"))
    ),
    "login-too-many": lambda look, lang: views.login_page(
        look, lang, login(username=PERSON, problem=views.Problem("too_many", retry_after=840))
    ),
    "login-unavailable": lambda look, lang: views.login_page(
        look, lang, login(username=PERSON, problem=views.Problem("unavailable", retry_after=3))
    ),
    "consent": lambda look, lang: views.consent_page(look, lang, CONSENT),
    "account": lambda look, lang: views.account_page(look, lang, account()),
    "account-problem": lambda look, lang: views.account_page(
        look,
        lang,
        account(problem=views.Problem("password_short", count=8), sessions=(session(current=True),), apps=()),
    ),
    "account-notice": lambda look, lang: views.account_page(
        look, lang, account(notice="others_ended", count=3, sessions=(session(current=True),), apps=())
    ),
    "account-pages": lambda look, lang: views.account_page(look, lang, account(total=1001, page=2, pages=21)),
    "device": lambda look, lang: views.device_page(look, lang, views.DeviceEntry("csrf-value", PERSON)),
    "device-wrong": lambda look, lang: views.device_page(
        look, lang, views.DeviceEntry("csrf-value", PERSON, "WDJB-MJHX", problem=views.Problem("user_code"))
    ),
    "device-confirm": lambda look, lang: views.device_page(look, lang, DEVICE),
    "device-done": lambda look, lang: views.device_page(look, lang, views.DeviceDone(True)),
    "device-denied": lambda look, lang: views.device_page(look, lang, views.DeviceDone(False)),
    "logout": lambda look, lang: views.logout_page(look, lang, views.LogoutConfirm("csrf-value", PERSON)),
    "logout-done": lambda look, lang: views.logout_page(
        look, lang, views.LogoutDone("Customer app", "https://shop.example.com/")
    ),
    "turned-away": lambda look, lang: views.turned_away_page(look, lang, TURNED_AWAY),
    "error": lambda look, lang: views.error_page(
        look, lang, views.Failure("bad_request", "7f3a9c0000001a", "redirect_uri_not_registered")
    ),
    "error-role": lambda look, lang: views.error_page(
        look, lang, views.Failure("role_missing", "7f3a9c0000001c", "role_missing")
    ),
    "error-unavailable": lambda look, lang: views.error_page(
        look, lang, views.Failure("unavailable", "7f3a9c0000001b", retry_after=4)
    ),
    "form-post": lambda look, lang: views.form_post_page(look, lang, FORM_POST),
}
