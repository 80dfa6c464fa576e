"""Texts of the pages of proofs by mail, as in `catalogue`. The last word of some keys is the purpose of a proof."""

from __future__ import annotations

PROOFS: dict[str, tuple[str, str]] = {
    "login.forgot": ("Forgot your password?", "Passwort vergessen?"),
    # where a letter is asked for
    "letter.title.reset": ("Choose a new password", "Neues Passwort wählen"),
    "letter.explain.reset": (
        "Enter the e-mail address of your account. You get a mail with a link and a code.",
        "Geben Sie die E-Mail-Adresse Ihres Kontos ein. Sie bekommen eine Mail mit einem Link und einem Code.",
    ),
    "letter.submit": ("Send mail", "Mail senden"),
    "letter.sent": ("Look at your mail", "Sehen Sie in Ihr Postfach"),
    "letter.sent.reset": (
        "If there is an account for {email}, a mail is on its way. Open its link, or enter its code here, "
        "within 15 minutes.",
        "Gibt es ein Konto für {email}, ist eine Mail unterwegs. Öffnen Sie ihren Link, oder geben Sie ihren Code hier "
        "ein, innerhalb von 15 Minuten.",
    ),
    "letter.code": ("Code from the mail", "Code aus der Mail"),
    "letter.nothing": (
        "Nothing there? Look among the unwanted mail, and at the spelling of the address.",
        "Nichts da? Sehen Sie bei den unerwünschten Mails nach, und ob die Adresse richtig geschrieben ist.",
    ),
    # what opens from a letter
    "proof.title.reset": ("Choose a new password", "Neues Passwort wählen"),
    "proof.explain.reset": (
        "For the account {email}. You will be signed out everywhere.",
        "Für das Konto {email}. Sie werden überall abgemeldet.",
    ),
    "proof.submit.reset": ("Save password", "Passwort speichern"),
    "proof.done.reset": ("Your password is changed", "Ihr Passwort ist geändert"),
    "proof.done_hint.reset": (
        "You are signed out everywhere. Sign in with your new password.",
        "Sie sind überall abgemeldet. Melden Sie sich mit Ihrem neuen Passwort an.",
    ),
    "proof.void": ("This link is no longer good", "Dieser Link gilt nicht mehr"),
    "proof.void_hint": (
        "It was used, it is too old, or a newer mail took its place. Ask for another mail.",
        "Er wurde benutzt, ist zu alt, oder eine neuere Mail ist an seine Stelle getreten. Fordern Sie eine neue an.",
    ),
    "problem.email": ("This is not an e-mail address.", "Das ist keine E-Mail-Adresse."),
    "problem.mailed_code": (
        "This code is not right, or not good any more. After five tries, ask for another mail.",
        "Dieser Code ist nicht richtig oder gilt nicht mehr. Fordern Sie nach fünf Versuchen eine neue Mail an.",
    ),
}
