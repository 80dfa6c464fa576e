"""What the account page's lists show, row by row."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup, escape

from authsvc.device_name import device_name
from authsvc.flows.account.sessions_and_apps import Overview
from authsvc.rules.factors.authenticators import authenticator_name
from authsvc.web.pages.language import Words, named, plain


def session_rows(texts: Words, found: Overview) -> list[tuple[object, ...]]:
    """What the template's loop unpacks, as HTML already: it escapes nothing. An account may have a thousand sessions,
    and a call from a template costs ten times one from here: so the loop makes none."""
    rows: list[tuple[object, ...]] = []
    now, current = found.session.now, found.session.id
    for one in found.sessions:
        glyph, device, browser = _device(texts, one.device_info, one.user_agent or "")
        address, apps = escape(plain(one.ip_address, 64)), app_names(one.apps)
        since, seen = texts.moment(one.created_at), texts.ago(one.last_activity, now)
        rows.append((one.id, one.id == current, glyph, device, browser, address, apps, since, seen))
    return rows


@lru_cache(maxsize=512)
def _device(texts: Words, device_info: str, user_agent: str) -> tuple[str, Markup, Markup]:
    """The picture of a device, its name, and its browser where that is another name."""
    browser = plain(device_name(user_agent), 80) if user_agent else ""
    device = plain(device_info, 80) or browser or texts.text("account.unknown_device")
    handheld = any(word in device + browser for word in ("iPhone", "iPad", "iPod", "Android", "Mobile", "Phone"))
    return "handheld" if handheld else "desk", escape(device), escape(browser if browser != device else "")


@lru_cache(maxsize=256)
def app_names(apps: tuple[str, ...]) -> Markup:
    return Markup(", ").join(named(app) for app in apps)


def passkey_rows(texts: Words, found: Overview) -> list[tuple[object, ...]]:
    """Its id, what the person or its provider calls it, the provider where that is another name, whether it stays in
    its device, when it was made and last used."""
    rows: list[tuple[object, ...]] = []
    for one in found.passkeys:
        provider = authenticator_name(one.aaguid)
        name = plain(one.name, 80) or provider or texts.text("passkey.unnamed")
        used = texts.ago(one.last_used_at, found.session.now) if one.last_used_at else texts.text("passkey.never_used")
        second = provider if provider != name else ""
        rows.append((one.id, name, second, not one.backup_eligible, texts.date(one.created_at), used))
    return rows


def trusted_rows(texts: Words, found: Overview) -> list[tuple[object, ...]]:
    """Its id, what the device is, since when it is trusted, when that was last used, and when it ends."""
    rows: list[tuple[object, ...]] = []
    for one in found.trusted:
        name = plain(one.device_info, 80) or texts.text("account.unknown_device")
        used = texts.ago(one.last_used_at, found.session.now) if one.last_used_at else texts.text("passkey.never_used")
        rows.append((one.id, name, texts.date(one.created_at), used, texts.date(one.expires_at)))
    return rows
