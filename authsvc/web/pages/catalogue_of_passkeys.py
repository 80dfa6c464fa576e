"""Texts of passkeys, as in `catalogue`."""

from __future__ import annotations

PASSKEYS: dict[str, tuple[str, str]] = {
    "login.passkey": ("Use a passkey", "Passkey verwenden"),
    "login.passkey_later": (
        "Too many people near you are asking for passkeys. Please try again in a few minutes, or sign in with your "
        "password.",
        "Zu viele in Ihrem Netz verwenden gerade Passkeys. Bitte versuchen Sie es in einigen Minuten erneut, oder "
        "melden Sie sich mit Ihrem Passwort an.",
    ),
    "second.passkey_needs_script": (
        "To use a passkey, allow JavaScript for this page.",
        "Um einen Passkey zu benutzen, erlauben Sie JavaScript für diese Seite.",
    ),
    "passkey.title": ("Passkeys", "Passkeys"),
    "passkey.hint": (
        "Sign in with your fingerprint, your face or your device's PIN. A passkey works on this site only, so nobody "
        "can trick you out of it.",
        "Melden Sie sich mit Fingerabdruck, Gesicht oder der PIN Ihres Geräts an. Ein Passkey gilt nur hier, deshalb "
        "kann ihn Ihnen niemand entlocken.",
    ),
    "passkey.add": ("Add a passkey", "Passkey hinzufügen"),
    "passkey.new": ("Add a passkey", "Passkey hinzufügen"),
    "passkey.explain": (
        "Your browser will ask where to keep it: on this device, on a security key, or with your password manager.",
        "Ihr Browser fragt, wo er ihn aufbewahren soll: auf diesem Gerät, auf einem Sicherheitsschlüssel oder in Ihrem "
        "Passwortmanager.",
    ),
    "passkey.name": ("Name", "Name"),
    "passkey.name_hint": (
        "For you alone, to tell your passkeys apart. You may leave it empty.",
        "Nur für Sie, um Ihre Passkeys zu unterscheiden. Sie können das Feld leer lassen.",
    ),
    "passkey.make": ("Create passkey", "Passkey erstellen"),
    "passkey.back": ("Back to your account", "Zurück zu Ihrem Konto"),
    "passkey.needs_script": (
        "To add or use a passkey, allow JavaScript for this page. You can sign in with your password without it.",
        "Um einen Passkey hinzuzufügen oder zu benutzen, erlauben Sie JavaScript für diese Seite. Mit Ihrem Passwort "
        "können Sie sich auch ohne anmelden.",
    ),
    "passkey.unnamed": ("Passkey", "Passkey"),
    "passkey.bound": ("On one device", "Auf einem Gerät"),
    "passkey.synced": ("Synced", "Synchronisiert"),
    "passkey.made": ("Added", "Hinzugefügt"),
    "passkey.used": ("Last used", "Zuletzt benutzt"),
    "passkey.never_used": ("never", "nie"),
    "passkey.rename": ("Rename", "Umbenennen"),
    "passkey.save": ("Save", "Speichern"),
    "passkey.remove": ("Remove", "Entfernen"),
    "notice.passkey_added": ("Your passkey is ready to use.", "Ihr Passkey ist einsatzbereit."),
    "notice.passkey_renamed": ("The passkey has its new name.", "Der Passkey hat seinen neuen Namen."),
    "notice.passkey_removed": (
        "The passkey is removed, and every session that it opened has ended.",
        "Der Passkey ist entfernt, und jede Sitzung, die er geöffnet hat, ist beendet.",
    ),
    "problem.passkey": (
        "That passkey was not accepted. Please try again, or sign in with your password.",
        "Dieser Passkey wurde nicht angenommen. Bitte versuchen Sie es erneut, oder melden Sie sich mit Ihrem Passwort "
        "an.",
    ),
    "problem.passkey_add": (
        "The passkey was not added. Please try again.",
        "Der Passkey wurde nicht hinzugefügt. Bitte versuchen Sie es erneut.",
    ),
    "problem.passkey_full": (
        "You have as many passkeys as an account can have. Remove one first.",
        "Sie haben so viele Passkeys, wie ein Konto haben kann. Entfernen Sie zuerst einen.",
    ),
    "problem.passkey_known": (
        "This device or password manager already has a passkey for your account.",
        "Dieses Gerät oder dieser Passwortmanager hat schon einen Passkey für Ihr Konto.",
    ),
    "problem.passkey_last": (
        "This is the only way in which you can sign in, so it cannot be removed.",
        "Das ist Ihr einziger Weg, sich anzumelden; deshalb lässt er sich nicht entfernen.",
    ),
}
