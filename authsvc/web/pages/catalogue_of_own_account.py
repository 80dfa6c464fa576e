"""Texts of the pages beside the account page, as in `catalogue`."""

from __future__ import annotations

OWN_ACCOUNT: dict[str, tuple[str, str]] = {
    "account.edit": ("Change name or language", "Name oder Sprache ändern"),
    "profile.title": ("Name and language", "Name und Sprache"),
    "profile.name": ("Name", "Name"),
    "profile.language": ("Language", "Sprache"),
    "profile.browser": ("As my browser asks", "Wie mein Browser es verlangt"),
    "profile.in.en": ("English", "English"),
    "profile.in.de": ("Deutsch", "Deutsch"),
    "profile.hint": (
        "Apps that you allowed to see your name see the new one. Pages and mails are in the language that you choose.",
        "Apps, denen Sie das erlaubt haben, sehen den neuen Namen. Seiten und Mails kommen in der gewählten Sprache.",
    ),
    "profile.save": ("Save", "Speichern"),
    "notice.profile_changed": ("Your changes are saved.", "Ihre Änderungen sind gespeichert."),
}
