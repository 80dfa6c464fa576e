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
    "delete.section": ("Delete the account", "Konto löschen"),
    "delete.section_hint": (
        "You are asked once more before anything is deleted.",
        "Sie werden noch einmal gefragt, bevor etwas gelöscht wird.",
    ),
    "delete.go": ("Delete the account …", "Konto löschen …"),
    "delete.title": ("Delete your account?", "Ihr Konto löschen?"),
    "delete.explain": (
        "Your name, address, password and other ways to sign in are deleted, and you are signed out everywhere. This "
        "cannot be undone. What apps know of you is theirs to delete: ask them.",
        "Ihr Name, Ihre Adresse, Ihr Passwort und andere Wege zur Anmeldung werden gelöscht, und Sie werden überall "
        "abgemeldet. Das lässt sich nicht rückgängig machen. Was Apps von Ihnen wissen, müssen diese löschen: Fragen "
        "Sie dort.",
    ),
    "delete.submit": ("Delete for ever", "Endgültig löschen"),
    "delete.done": ("Your account is deleted", "Ihr Konto ist gelöscht"),
    "notice.profile_changed": ("Your changes are saved.", "Ihre Änderungen sind gespeichert."),
}
