"""The hosted pages: inert whatever they show, complete in both languages, under the strictest policy."""

from __future__ import annotations

import base64
import dataclasses
import re
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from time import perf_counter

import pytest
from starlette.responses import Response

from authsvc.flows.account.own_events import Newest
from authsvc.flows.account.sessions_and_apps import Overview
from authsvc.rules.palette import DARK_SURFACE, LIGHT_SURFACE, contrast, palette
from authsvc.settings import Settings, SettingsError, load
from authsvc.store.account.sessions_and_apps import App
from authsvc.web.pages import views
from authsvc.web.pages.account_views import DeleteAccount
from authsvc.web.pages.brand import Look, look_of, static_file
from authsvc.web.pages.catalogue import LANGUAGES, TEXT
from authsvc.web.pages.headers import form_source
from authsvc.web.pages.language import choose_language, plain, words
from authsvc.web.pages.proof_views import ProofDone
from authsvc.web.pages.views import View
from tests.browser import samples
from tests.browser.samples import (
    CALLBACK,
    FORM_POST,
    NOW,
    PAGES,
    account,
    ask_for_letter,
    asked,
    browser,
    choose_password,
    confirm_proof,
    consent,
    device,
    factors,
    go_on,
    letter_sent,
    login,
    logout,
    mail_code,
    mail_code_link,
    new_passkey,
    overview,
    own_events,
    own_profile,
    second_step,
    session,
    set_up_factor,
    setting_up,
    turned_away,
)
from tests.support.busy import again_when_busy, prompt
from tests.support.clients import flat_client

ENVIRONMENT = {
    "AUTHSVC_ISSUER": "https://auth.example.com",
    "AUTHSVC_DATABASE_URL": "postgresql://db/authsvc",
    "AUTHSVC_REDIS_URL": "redis://redis/0",
    "AUTHSVC_MASTER_KEY": "1 key",
}
TEMPLATES = Path(views.__file__).with_name("templates")
VOID = {"meta", "link", "img", "input", "br", "path", "circle", "rect", "use"}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "</title><svg onload=alert(1)>",
    "<svg><use href='data:image/svg+xml,<script>'/></svg>",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}{0.__class__}%s",
    "\u202egnp.exe\u2066\u200f",
    "a\r\nSet-Cookie: x=1\x00\x1b[31m",
    "Z\u0335\u0321 \ud800 &amp; &lt;b&gt;",
    "<" * 5000,
)


class Page(HTMLParser):
    """What a browser would see: elements, attributes, text, and whether every element is closed."""

    def __init__(self, reply: Response) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.source = bytes(reply.body).decode("utf-8")
        self.feed(self.source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice in {tag}"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]

    def named(self, name: str) -> dict[str, str]:
        (found,) = [attrs for _, attrs in self.elements if attrs.get("name") == name]
        return found


def headers(reply: Response) -> dict[str, str]:
    found = {name.decode(): value.decode() for name, value in reply.raw_headers}
    assert len(found) == len(reply.raw_headers), "a header twice"
    return found


def policy(reply: Response) -> dict[str, list[str]]:
    rules = [rule.split() for rule in headers(reply)["content-security-policy"].split(";")]
    return {name: sources for name, *sources in rules}


def settings(**brand: str) -> Settings:
    return load({**ENVIRONMENT, **{f"AUTHSVC_BRAND_{name.upper()}": value for name, value in brand.items()}})


def look(**brand: str) -> Look:
    return look_of(settings(**brand))


def draw(language: str, view: View, **brand: str) -> Response:
    return samples.draw(settings(**brand), language, view)


every_page = pytest.mark.parametrize("view", PAGES.values(), ids=PAGES)
every_language = pytest.mark.parametrize("language", LANGUAGES)


# what every page keeps


@every_page
@every_language
def test_a_page_is_whole_html_in_its_language_with_one_heading_and_every_field_labelled(
    view: View, language: str
) -> None:
    reply = draw(language, view)
    page = Page(reply)
    assert page.all("html") == [{"lang": language}]
    assert headers(reply)["content-language"] == language
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    labels = {attrs["for"] for attrs in page.all("label")}
    for field in page.all("input"):
        assert field["type"] == "hidden" or field.get("id") in labels or field.get("aria-hidden") == "true"
        assert set(field.get("aria-describedby", "").split()) <= set(ids)
    for form in page.all("form"):
        assert form["method"] == "post"


@every_page
@every_language
def test_a_page_is_framed_by_nobody_cached_by_nobody_and_runs_nothing_inline(view: View, language: str) -> None:
    reply = draw(language, view)
    sent = headers(reply)
    assert sent["content-type"] == "text/html; charset=utf-8"
    assert sent["cache-control"] == "no-store"
    assert sent["x-frame-options"] == "DENY"
    assert sent["referrer-policy"] == "no-referrer"
    assert "camera=()" in sent["permissions-policy"]
    rules = policy(reply)
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == ["'none'"]
    assert rules["style-src"] == ["'self'"]
    assert rules["img-src"] == ["'self'", "data:"]
    assert "unsafe" not in sent["content-security-policy"]
    page = Page(reply)
    for tag, attrs in page.elements:
        assert tag not in ("style", "iframe", "object", "base")
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
    assert bool(page.all("script")) == ("script-src" in rules)
    for link in page.all("link"):
        assert link["href"].startswith("/static/")


def test_only_pages_in_a_clients_flow_keep_the_window_that_opened_them() -> None:
    """A pop-up login would be cut off from its client for good by Cross-Origin-Opener-Policy."""
    opener = {name: headers(draw("en", view))["cross-origin-opener-policy"] for name, view in PAGES.items()}
    assert {name for name, value in opener.items() if value == "unsafe-none"} == {
        "login",
        "login-passkey",
        "login-wrong",
        "login-too-many",
        "login-unavailable",
        "login-expired",
        "consent",
        "go-on",
        "turned-away",
        "second-step-trust",
        "second-step",
        "second-step-wrong",
        "second-step-recovery",
        "set-up-factor",
        "form-post",
        "login-mail",
        "mail-code",
        "mail-code-sent",
        "mail-code-link",
        "mail-code-level",
        "reset-wrong",
        "reset-done-on",
    }
    assert set(opener.values()) == {"unsafe-none", "same-origin"}


@pytest.mark.parametrize("hostile", HOSTILE)
@every_language
def test_what_strangers_wrote_is_text_and_nothing_else(hostile: str, language: str) -> None:
    """SECURITY.md item 32: client_name, policy URL, e-mail, device name, address, user code, parameters."""
    drawn: list[list[Response]] = []
    for text in (hostile, "harmless"):
        name = text if text == hostile else "w"
        card = dataclasses.replace(session(1), device_info=text, user_agent=text, ip_address=text, apps=(name, name))
        apps = (App(text, text, (text,), NOW),)
        whose = browser(text, text)
        links = {"policy_uri": text, "tos_uri": text}
        waiting = dataclasses.replace(device().found.request, device_info=text, ip_address=text, scope=(text,))
        shown = [
            login(csrf=text, request=text, client_name=text, username=text),
            consent(client=flat_client(name=text, **links), account=text, request=asked((text,)), sealed=text),
            dataclasses.replace(account(Overview(whose, [session(), card], 2, 1, apps)), csrf=text),
            views.DeviceEntry(text, text, csrf=text),
            dataclasses.replace(
                device(request=waiting, client=flat_client(name=text), user_code=text, sealed=text), account=text
            ),
            logout(text, text),
            views.LogoutDone(text, text),
            turned_away(text, text),
            go_on(name=text, account=text),
            views.Failure("server_error", text, text),
            views.FormPost({text: text, "other": text}, target=CALLBACK),
            second_step("otp", sealed=text),
            set_up_factor(text, text),
            factors(text, begun=setting_up(text)),
            ask_for_letter(text, text),
            letter_sent(text, text),
            mail_code(text, text),
            mail_code_link(text, text),
            choose_password(text, text, name=text),
            confirm_proof(text, text, account=text),
            ProofDone("reset", text, text, csrf=text),
            DeleteAccount(text, csrf=text),
            dataclasses.replace(own_profile(text, text), account=text, csrf=text),
            own_events(samples.event(text=text, apps=(name, name))),
            account(Overview(whose, [session()], 1, 1, (), passkeys=[samples.passkey(name=text, rp_id=text)])),
            new_passkey(account=text, options=text, challenge=text, name=text, csrf=text),
            login(passkeys=True, username=text, csrf=text),
            account(
                Overview(
                    whose,
                    [session()],
                    1,
                    1,
                    (),
                    Newest((stolen := samples.event(text=text, apps=(name,)),), thefts=(stolen,)),
                )
            ),
        ]
        drawn.append([draw(language, view) for view in shown])
    for evil, good in zip(*drawn, strict=True):
        assert {**headers(evil), "content-length": ""} == {**headers(good), "content-length": ""}
        evil_page, good_page = Page(evil), Page(good)
        assert [(tag, sorted(a)) for tag, a in evil_page.elements] == [
            (tag, sorted(a)) for tag, a in good_page.elements
        ]
        for tag, attrs in evil_page.elements:
            assert not attrs.get("href", "").startswith(("javascript:", "data:")), tag
        for char in "\u202e\u2066\u200f\x00\x1b":
            assert char not in "".join(evil_page.words)


def test_a_name_of_nothing_visible_is_called_unnamed() -> None:
    page = Page(draw("en", login(client_name="\u202e\u200b ")))
    assert "to continue to Unnamed app" in page.text
    assert plain("x" * 400, 80) == "x" * 79 + "…"


# the forms


def test_the_login_form_posts_what_the_flow_reads() -> None:
    page = Page(draw("en", login(csrf="c1", request="r1")))
    (form,) = page.all("form")
    assert form == {"method": "post", "action": "/login"}
    assert page.named("csrf")["value"] == "c1"
    assert page.named("request")["value"] == "r1"
    assert page.named("username")["autocomplete"] == "username"
    assert page.named("password")["autocomplete"] == "current-password"
    assert page.named("remember_me") == {
        "id": "remember_me",
        "name": "remember_me",
        "type": "checkbox",
        "value": "1",
        "aria-describedby": "remember_me_hint",
    }
    assert not [a for a in page.all("input") if a["name"] == "password" and a.get("value")]


def test_remember_me_is_offered_only_where_the_client_allows_it() -> None:
    page = Page(draw("en", login(remember_me_allowed=False, remember_me=True)))
    assert not [a for a in page.all("input") if a["name"] == "remember_me"]


@pytest.mark.parametrize(
    ("problem", "status", "retry_after", "said"),
    [
        (views.Problem("credentials"), 400, None, "E-mail address or password is not correct."),
        (views.Problem("too_many", retry_after=125), 429, "125", "Please try again in 3 minutes."),
        (views.Problem("unavailable", retry_after=1), 503, "1", "Please try again in 1 second."),
        (views.Problem("expired"), 400, None, "open for too long"),
    ],
)
def test_a_failed_login_says_why_and_keeps_the_form(
    problem: views.Problem, status: int, retry_after: str | None, said: str
) -> None:
    reply = draw("en", login(username="mara@example.com", remember_me=True, problem=problem))
    assert reply.status_code == status
    assert headers(reply).get("retry-after") == retry_after
    page = Page(reply)
    assert said in page.text
    (alert,) = [attrs for _, attrs in page.elements if attrs.get("role") == "alert"]
    assert page.named("password")["aria-describedby"] == alert["id"]
    assert ("aria-invalid" in page.named("username")) == (problem.kind == "credentials")
    assert page.named("username")["value"] == "mara@example.com"
    assert "checked" in page.named("remember_me")
    assert "autofocus" in page.named("password") and "autofocus" not in page.named("username")
    assert "value" not in page.named("password")
    assert page.text.startswith("Problem: Sign in")


def test_consent_says_who_asks_for_what_and_where_it_leads() -> None:
    page = Page(draw("en", consent()))
    assert [(b["name"], b["value"]) for b in page.all("button")] == [("decision", "allow"), ("decision", "deny")]
    for said in ("Photo Printer asks for access", "mara.lindqvist@example.com", "orders:read", "shop.example.com"):
        assert said in page.text
    native = Page(draw("en", consent(request=asked(redirect_uri="com.example.app:/cb"))))
    assert "an app on this device" in native.text


def test_who_goes_on_to_an_app_sees_which_and_as_whom() -> None:
    page = Page(draw("en", go_on()))
    assert [(b["name"], b["value"]) for b in page.all("button")] == [("decision", "allow"), ("decision", "deny")]
    assert [form["action"] for form in page.all("form")] == ["/consent"]
    for said in ("Continue to House app", "mara.lindqvist@example.com", "an app on this device"):
        assert said in page.text
    assert "Mit House app fortfahren" in Page(draw("de", go_on())).text


def test_the_account_ends_any_session_but_this_one() -> None:
    page = Page(draw("en", account()))
    buttons = [b["value"] for b in page.all("button") if b.get("name") == "session"]
    assert buttons == [str(session(number).id) for number in (1, 2, 3)]
    assert page.text.count("This device") == 1
    assert "4 active sessions." in page.text and "47 minutes ago" in page.text
    assert "18 November 2026, 14:04 UTC" in page.text
    assert [f["action"] for f in page.all("form")] == [
        "/account/sessions/end",
        "/account/sessions/end-others",
        "/account/password",
        "/account/apps/revoke",
    ]
    assert page.source.count('name="csrf" value="csrf-value"') == 4
    alone = Page(draw("en", account(overview(1, ()))))
    assert "1 active session." in alone.text
    assert "End all other sessions" not in alone.text


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("current_password", "current_password"),
        ("password_short", "new_password"),
        ("password_common", "new_password"),
        ("password_mismatch", "repeat_password"),
    ],
)
def test_a_refused_password_points_at_its_field(kind: str, field: str) -> None:
    reply = draw("de", account(problem=views.Problem(kind, count=8)))  # type: ignore[arg-type]
    assert reply.status_code == 400
    page = Page(reply)
    assert [a["name"] for a in page.all("input") if "aria-invalid" in a] == [field]
    assert page.named(field)["aria-describedby"] == "problem"


def test_the_device_page_asks_for_a_code_as_the_device_shows_it() -> None:
    field = Page(draw("en", views.DeviceEntry("c"))).named("user_code")
    assert (field["inputmode"], field["autocapitalize"], field["autocomplete"]) == ("text", "characters", "off")
    confirm = Page(draw("en", device()))
    assert "WDJB-MJHT" in confirm.text and "198.51.100.7" in confirm.text and "Bar terminal" in confirm.text
    assert confirm.named("user_code")["value"] == "WDJB-MJHT"


def test_who_lacks_the_role_is_told_so_and_may_use_another_account() -> None:
    reply = draw("en", turned_away())
    assert reply.status_code == 403
    page = Page(reply)
    assert "only open to accounts with another role" in page.text
    assert [b["value"] for b in page.all("button")] == ["another", "deny"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("bad_request", 400),
        ("forbidden", 403),
        ("role_missing", 403),
        ("not_found", 404),
        ("too_many", 429),
        ("server_error", 500),
        ("unavailable", 503),
        ("expired", 400),
    ],
)
@every_language
def test_an_error_page_has_its_status_and_a_reference(kind: str, status: int, language: str) -> None:
    reply = draw(language, views.Failure(kind, "req-1", "some_reason", 7))  # type: ignore[arg-type]
    assert reply.status_code == status
    assert headers(reply).get("retry-after") == ("7" if status in (429, 503) else None)
    assert "req-1" in Page(reply).text


def test_an_error_page_leads_back_by_host_and_nowhere_that_runs() -> None:
    (link,) = Page(draw("en", PAGES["error-expired"])).all("a")
    assert link["href"] == "https://shop.example.com/"
    assert "Go to shop.example.com" in Page(draw("en", PAGES["error-expired"])).text.replace("\u2068", "").replace(
        "\u2069", ""
    )
    for back in (None, "javascript:alert(1)", "com.example.app:/", "http://127.0.0.1:4444/", "https://"):
        assert not Page(draw("en", views.Failure("expired", back=back))).all("a")


# form_post and the policy for forms


def test_form_post_sends_the_parameters_as_they_are_to_the_redirect_uri_only() -> None:
    reply = draw("en", FORM_POST)
    page = Page(reply)
    assert page.all("form") == [{"method": "post", "action": CALLBACK}]
    assert {a["name"]: a["value"] for a in page.all("input")} == dict(FORM_POST.parameters)
    assert policy(reply)["form-action"] == ["https://shop.example.com"]
    assert page.all("button") == [{"class": "main", "type": "submit"}]


def test_form_post_runs_its_one_script_by_hash() -> None:
    reply = draw("en", FORM_POST)
    (script,) = re.findall(r"<script>(.*?)</script>", bytes(reply.body).decode(), re.DOTALL)
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    assert policy(reply)["script-src"] == [f"'sha256-{digest}'"]


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "data:text/html,x", "com.example.app:/cb", "//evil", ""])
def test_form_post_refuses_what_is_not_http(uri: str) -> None:
    with pytest.raises(ValueError, match="redirect URI"):
        draw("en", views.FormPost({}, target=uri))


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://shop.example.com/callback?a=b", "https://shop.example.com"),
        ("https://Shop.Example.com:8443/callback", "https://shop.example.com:8443"),
        ("http://127.0.0.1:51234/cb", "http://127.0.0.1:51234"),
        ("http://[::1]:51234/cb", "http:"),
        ("com.example.app:/cb", "com.example.app:"),
        ("https://bücher.example/cb", "https://xn--bcher-kva.example"),
        ("https://a;script-src *.example/cb", "https:"),
        ("https://user:pw@shop.example.com/cb", "https://shop.example.com"),
    ],
)
def test_the_policy_lets_a_form_end_at_the_client(uri: str, source: str) -> None:
    """Chromium applies form-action to the redirects after a POST."""
    assert form_source(uri) == source
    assert policy(draw("en", login(target=uri)))["form-action"] == ["'self'", source]


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "data:text/html,x", "blob:https://x/1", "nothing", ""])
def test_no_form_ends_where_something_could_run(uri: str) -> None:
    with pytest.raises(ValueError, match="may not end"):
        form_source(uri)


# language


@pytest.mark.parametrize(
    ("ui_locales", "accept", "language"),
    [
        (None, None, "en"),
        ("de", "en", "de"),
        ("fr-CA de-AT en", "en", "de"),
        ("fr", "de-CH,de;q=0.9,en;q=0.8", "de"),
        (None, "fr, en;q=0.3, de;q=0.7", "de"),
        (None, "de;q=0, en", "en"),
        (None, "de;q=oops, *", "en"),
        (None, "DE-de", "de"),
        ("x" * 5000, ",;=,,;q=" * 900, "en"),
    ],
)
def test_the_language_is_the_one_asked_for(ui_locales: str | None, accept: str | None, language: str) -> None:
    assert choose_language(ui_locales, accept) == language


@pytest.mark.parametrize("key", TEXT)
def test_both_languages_are_complete_with_the_same_placeholders(key: str) -> None:
    texts = TEXT[key]
    assert len(texts) == len(LANGUAGES)
    assert all(text.strip() for text in texts)
    fields = [sorted(name for _, name, _, _ in string.Formatter().parse(text) if name) for text in texts]
    assert fields[0] == fields[1]
    if key.endswith((".one", ".other")):
        stem = key.rpartition(".")[0]
        assert {f"{stem}.one", f"{stem}.other"} <= set(TEXT)
    assert len(texts[0].split()) == len(texts[1].split()) or key != "months"


def test_templates_and_catalogue_name_the_same_texts() -> None:
    source = "".join(path.read_text() for path in TEMPLATES.glob("*.html"))
    source += "".join(
        Path(views.__file__).with_name(name).read_text() for name in ("views.py", "language.py", "account_rows.py")
    )
    quoted = set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)*)"', source))
    families = (
        "event.",
        "profile.in.",
        "letter.",
        "proof.",
        "notice.",
        "problem.",
        "error.",
        "scope.",
        "ago.",
        "wait.",
    )
    for key in TEXT:
        stem = key.removesuffix(".one").removesuffix(".other")
        assert key in quoted or stem in quoted or key.startswith(families), f"{key} is used nowhere"
    for literal in re.findall(r'\bt\("([^"~]+)"[,)]', source):
        assert literal in TEXT


def test_no_words_stand_in_the_templates() -> None:
    """Or they would be in one language only."""
    markup = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|<[^<>]*>", re.DOTALL)
    for path in TEMPLATES.glob("*.html"):
        bare = markup.sub("", markup.sub("", path.read_text()))
        bare = re.sub(r' ?aria-[a-z]+="[a-z]+"', "", bare)
        assert set(re.findall(r"[A-Za-z]{2,}", bare)) <= {"narrow", "wide"}, path.name


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (-90, "just now", "gerade eben"),
        (59, "just now", "gerade eben"),
        (60, "1 minute ago", "vor 1 Minute"),
        (3 * 60 + 5, "3 minutes ago", "vor 3 Minuten"),
        (3599, "59 minutes ago", "vor 59 Minuten"),
        (3600, "1 hour ago", "vor 1 Stunde"),
        (86_399, "23 hours ago", "vor 23 Stunden"),
        (86_400, "1 day ago", "vor 1 Tag"),
        (29 * 86_400, "29 days ago", "vor 29 Tagen"),
        (30 * 86_400, "1 month ago", "vor 1 Monat"),
        (364 * 86_400, "11 months ago", "vor 11 Monaten"),
        (365 * 86_400, "1 year ago", "vor 1 Jahr"),
        (1500 * 365 * 86_400, "1,500 years ago", "vor 1.500 Jahren"),
    ],
)
def test_times_gone_by(seconds: int, english: str, german: str) -> None:
    then = NOW - timedelta(seconds=seconds)
    assert (words("en").ago(then, NOW), words("de").ago(then, NOW)) == (english, german)


def test_dates_and_waits() -> None:
    when = datetime(2026, 3, 4, 7, 5, tzinfo=UTC)
    assert words("en").moment(when) == "4 March 2026, 07:05 UTC"
    assert words("de").moment(when) == "4. März 2026, 07:05 UTC"
    assert [str(words("de").wait(n)) for n in (0, 1, 30, 121, 7201)] == [
        "1 Sekunde",
        "1 Sekunde",
        "30 Sekunden",
        "3 Minuten",
        "3 Stunden",
    ]


# brand and static files


@pytest.mark.parametrize(
    "changes",
    [
        {"color": "red"},
        {"color": "#fff"},
        {"color": "#12345g"},
        {"color": "#123456;}"},
        {"logo": "http://x.example/l.png"},
        {"logo": "javascript:alert(1)"},
        {"logo": "https://x.example;script-src/l"},
        {"logo": "data:text/html;base64,PHN2Zz4="},
        {"logo": "https://x.example/a b"},
        {"name": "x" * 41},
        {"name": "a\u202eb"},
        {"name": " "},
    ],
)
def test_a_brand_that_could_disturb_the_pages_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="AUTHSVC_BRAND_"):
        look(**changes)


def test_name_and_logo_of_the_house_are_on_the_page_and_in_its_policy() -> None:
    reply = draw("de", views.Failure("not_found"), name="Bär & Co", logo="https://cdn.example.com:8443/logo.svg")
    page = Page(reply)
    assert "Bär & Co" in page.text
    assert page.all("img")[0]["src"] == "https://cdn.example.com:8443/logo.svg"
    assert policy(reply)["img-src"] == ["'self'", "data:", "https://cdn.example.com:8443"]


@pytest.mark.parametrize(
    "color", ["#3b5bdb", "#ffffff", "#000000", "#ffee00", "#ff0000", "#00ff00", "#0000ff", "#808080", "#767676"]
)
@pytest.mark.parametrize("surface", [LIGHT_SURFACE, DARK_SURFACE])
def test_any_colour_becomes_a_readable_one(color: str, surface: str) -> None:
    colors = palette(color, surface)
    assert contrast(colors["brand"], colors["on_brand"]) >= 4.5
    assert contrast(colors["hover"], colors["on_brand"]) >= 4.5
    assert contrast(colors["accent"], surface) >= 4.5
    assert contrast(colors["brand"], surface) >= 3
    text = "#1a1f29" if surface == LIGHT_SURFACE else "#e8ebf1"
    assert contrast(colors["tint"], text) >= 4.5


def test_a_static_file_is_kept_for_ever_under_its_hash() -> None:
    brand = look(color="#aa3366")
    for name in ("authsvc.css", "brand.css", "icon.svg"):
        url = brand.url(name)
        reply = static_file(brand, url.removeprefix("/static/"))
        assert reply and reply.status_code == 200 and reply.body
        sent = headers(reply)
        assert "immutable" in sent["cache-control"]
        again = static_file(brand, name, if_none_match=f'"x", {sent["etag"]}')
        assert again and (again.status_code, again.body, headers(again)["cache-control"]) == (304, b"", "no-cache")
    assert look(color="#aa3367").url("brand.css") != brand.url("brand.css")
    assert look(color="#aa3367").url("authsvc.css") == brand.url("authsvc.css")


def test_the_hash_of_another_replica_gets_our_file_but_not_for_ever() -> None:
    reply = static_file(look(), "authsvc.0123456789abcdef.css")
    assert reply and reply.status_code == 200 and headers(reply)["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["", ".", "..", "../views.py", "authsvc", "x.css", "authsvc.css/", "a.b.c.d", "é.css"])
def test_there_are_no_other_static_files(name: str) -> None:
    assert static_file(look(), name) is None


def test_the_stylesheet_is_small_and_fetches_nothing() -> None:
    sheet = look().files["authsvc.css"].body.decode()
    assert len(sheet) < 12_288
    assert "url(" not in sheet and "@import" not in sheet


# speed: the numbers are for people (pytest -s); only what no machine should fail is asserted


@again_when_busy
def test_pages_are_fast_enough_to_be_drawn_by_the_event_loop() -> None:
    few = min(_timed(lambda: draw("en", login())) for _ in range(50))
    crowd = account(overview(1000))
    many = min(_timed(lambda: draw("de", crowd)) for _ in range(5))
    print(f"login {few * 1000:.3f} ms, account with 1,000 sessions {many * 1000:.1f} ms")
    prompt(few < 0.1 and many < 2)
    assert Page(draw("de", crowd)).text.count("Dieses Gerät") == 1


def _timed(act: Callable[[], object]) -> float:
    started = perf_counter()
    act()
    return perf_counter() - started


def test_no_text_says_anything_to_jinja() -> None:
    """Texts are put into templates before these are compiled."""
    for key, texts in TEXT.items():
        assert not any(mark in text for text in texts for mark in ("{{", "{%", "{#")), key
