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
    "letter.again": ("Ask for another mail", "Neue Mail anfordern"),
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
    # the address of an account
    "address.confirmed": ("Confirmed", "Bestätigt"),
    "address.unconfirmed": ("Not confirmed", "Nicht bestätigt"),
    "address.confirm": ("Confirm this address", "Diese Adresse bestätigen"),
    "address.new": ("New e-mail address", "Neue E-Mail-Adresse"),
    "address.hint": (
        "It counts once you confirm it by a mail. You are then signed out everywhere.",
        "Sie gilt, sobald Sie sie durch eine Mail bestätigen. Sie werden dann überall abgemeldet.",
    ),
    "address.change": ("Change address", "Adresse ändern"),
    "letter.sent.verify": (
        "A mail to {email} is on its way. Open its link, or enter its code here, within 15 minutes.",
        "Eine Mail an {email} ist unterwegs. Öffnen Sie ihren Link, oder geben Sie ihren Code hier ein, innerhalb von "
        "15 Minuten.",
    ),
    "letter.sent.address_change": (
        "A mail to {email} is on its way. Open its link, or enter its code here, within 15 minutes.",
        "Eine Mail an {email} ist unterwegs. Öffnen Sie ihren Link, oder geben Sie ihren Code hier ein, innerhalb von "
        "15 Minuten.",
    ),
    "proof.account": ("At present the account has {account}.", "Derzeit hat das Konto {account}."),
    "proof.title.verify": ("Confirm your address", "Adresse bestätigen"),
    "proof.explain.verify": (
        "Is {email} the e-mail address of your account?",
        "Ist {email} die E-Mail-Adresse Ihres Kontos?",
    ),
    "proof.submit.verify": ("Confirm", "Bestätigen"),
    "proof.done.verify": ("Your address is confirmed", "Ihre Adresse ist bestätigt"),
    "proof.done_hint.verify": (
        "You can close this page, or go on to your account.",
        "Sie können diese Seite schließen oder zu Ihrem Konto gehen.",
    ),
    "proof.go_on": ("Your account", "Ihr Konto"),
    "proof.title.address_change": ("Use this address?", "Diese Adresse verwenden?"),
    "proof.explain.address_change": (
        "Your account gets the address {email}. You sign in with it from then on, and are signed out everywhere.",
        "Ihr Konto bekommt die Adresse {email}. Sie melden sich von da an mit ihr an und werden überall abgemeldet.",
    ),
    "proof.submit.address_change": ("Use this address", "Diese Adresse verwenden"),
    "proof.done.address_change": ("Your address is changed", "Ihre Adresse ist geändert"),
    "proof.done_hint.address_change": (
        "Sign in with {email}. The former address got a mail by which this can be undone for 72 hours.",
        "Melden Sie sich mit {email} an. An die bisherige Adresse ging eine Mail, mit der sich das 72 Stunden lang "
        "rückgängig machen lässt.",
    ),
    "proof.done.address_taken": ("This address is taken", "Diese Adresse ist vergeben"),
    "proof.done_hint.address_taken": (
        "There is another account with {email} by now. Nothing was changed.",
        "Inzwischen gibt es ein anderes Konto mit {email}. Es wurde nichts geändert.",
    ),
    "proof.title.undo_address": ("Undo the change of address?", "Änderung der Adresse rückgängig machen?"),
    "proof.explain.undo_address": (
        "Your account gets the address {email} again. Everybody is signed out, the password no longer counts, ways to "
        "sign in that were added since are removed, and you get a mail to choose a new password.",
        "Ihr Konto bekommt wieder die Adresse {email}. Alle werden abgemeldet, das Passwort gilt nicht mehr, seither "
        "hinzugefügte Anmeldemöglichkeiten werden entfernt, und Sie bekommen eine Mail, um ein neues Passwort zu "
        "wählen.",
    ),
    "proof.submit.undo_address": ("Undo the change", "Rückgängig machen"),
    "proof.done.undo_address": ("Your former address is back", "Ihre bisherige Adresse gilt wieder"),
    "proof.done_hint.undo_address": (
        "Everybody is signed out. Look at the mail to {email}, and choose a new password.",
        "Alle sind abgemeldet. Sehen Sie in die Mail an {email} und wählen Sie ein neues Passwort.",
    ),
    "proof.title.not_me": ("Was this not you?", "Waren Sie das nicht?"),
    "proof.explain.not_me": (
        "Everybody is signed out of the account of {email}, the password no longer counts, ways to sign in that were "
        "added since are removed, and you get a mail to choose a new password.",
        "Alle werden vom Konto von {email} abgemeldet, das Passwort gilt nicht mehr, seither hinzugefügte "
        "Anmeldemöglichkeiten werden entfernt, und Sie bekommen eine Mail, um ein neues Passwort zu wählen.",
    ),
    "proof.submit.not_me": ("This was not me", "Das war ich nicht"),
    "proof.done.not_me": ("Your account is locked", "Ihr Konto ist gesperrt"),
    "proof.done_hint.not_me": (
        "Everybody is signed out. Look at the mail to {email}, and choose a new password.",
        "Alle sind abgemeldet. Sehen Sie in die Mail an {email} und wählen Sie ein neues Passwort.",
    ),
    "proof.done.address_lost": ("Your account is locked", "Ihr Konto ist gesperrt"),
    "proof.done_hint.address_lost": (
        "Everybody is signed out, and the password no longer counts. But {email} is not the address of the account any "
        "more. Please write to those who run this service.",
        "Alle sind abgemeldet, und das Passwort gilt nicht mehr. Aber {email} ist nicht mehr die Adresse des Kontos. "
        "Bitte wenden Sie sich an die Betreiber dieses Dienstes.",
    ),
    # logging in by a mailed code
    "login.mail_code": ("Mail me a code", "Code per Mail senden"),
    "letter.title.login": ("Sign in by mail", "Anmeldung per Mail"),
    "letter.explain.login": (
        "Enter the e-mail address of your account. You get a mail with a code, and need no password.",
        "Geben Sie die E-Mail-Adresse Ihres Kontos ein. Sie bekommen eine Mail mit einem Code und brauchen kein "
        "Passwort.",
    ),
    "letter.sent.login": (
        "If there is an account for {email}, a mail is on its way. Enter its code here, within 15 minutes. Its link "
        "works in this browser alone.",
        "Gibt es ein Konto für {email}, ist eine Mail unterwegs. Geben Sie ihren Code hier ein, innerhalb von 15 "
        "Minuten. Ihr Link geht nur in diesem Browser.",
    ),
    "proof.title.login": ("Sign in", "Anmelden"),
    "proof.explain.login": ("You sign in as {email}.", "Sie melden sich als {email} an."),
    "proof.submit.login": ("Sign in", "Anmelden"),
    "proof.elsewhere": ("This link works elsewhere", "Dieser Link geht woanders"),
    "proof.elsewhere_hint": (
        "It signs in only the browser that asked for it. There, enter the code from the mail. If you did not ask for "
        "it, there is nothing to do: close this page, and give the code to nobody.",
        "Er meldet nur den Browser an, der ihn angefordert hat. Geben Sie dort den Code aus der Mail ein. Haben Sie "
        "ihn nicht angefordert, müssen Sie nichts tun: Schließen Sie diese Seite, und geben Sie den Code niemandem.",
    ),
    "problem.mail_code_level": (
        "This account needs more than a code by mail. Sign in with your password or a passkey.",
        "Für dieses Konto reicht ein Code per Mail nicht. Melden Sie sich mit Passwort oder Passkey an.",
    ),
    # joining
    "login.join": ("Create an account", "Konto anlegen"),
    "letter.title.registration": ("Create an account", "Konto anlegen"),
    "letter.explain.registration": (
        "Enter your e-mail address. You get a mail with a link and a code.",
        "Geben Sie Ihre E-Mail-Adresse ein. Sie bekommen eine Mail mit einem Link und einem Code.",
    ),
    "letter.sent.registration": (
        "A mail to {email} is on its way. Open its link, or enter its code here, within 15 minutes.",
        "Eine Mail an {email} ist unterwegs. Öffnen Sie ihren Link, oder geben Sie ihren Code hier ein, innerhalb von "
        "15 Minuten.",
    ),
    "proof.name": ("Name", "Name"),
    "proof.title.registration": ("Create your account", "Konto anlegen"),
    "proof.explain.registration": ("You sign in with {email}.", "Sie melden sich mit {email} an."),
    "proof.submit.registration": ("Create account", "Konto anlegen"),
    "proof.done.registration": ("Your account is there", "Ihr Konto ist angelegt"),
    "proof.done_hint.registration": ("Sign in with {email}.", "Melden Sie sich mit {email} an."),
    "proof.title.invitation": ("Welcome", "Willkommen"),
    "proof.explain.invitation": (
        "You sign in with {email}. Choose a password.",
        "Sie melden sich mit {email} an. Wählen Sie ein Passwort.",
    ),
    "proof.submit.invitation": ("Save password", "Passwort speichern"),
    "proof.done.invitation": ("Your account is ready", "Ihr Konto ist bereit"),
    "proof.done_hint.invitation": ("Sign in with {email}.", "Melden Sie sich mit {email} an."),
    "proof.done.account_exists": ("You have an account", "Sie haben schon ein Konto"),
    "proof.done_hint.account_exists": (
        "There is an account with {email} already. Sign in, or choose a new password.",
        "Mit {email} gibt es schon ein Konto. Melden Sie sich an, oder wählen Sie ein neues Passwort.",
    ),
    "problem.name": (
        "This name is too long, or holds characters that names do not have.",
        "Dieser Name ist zu lang oder enthält Zeichen, die Namen nicht haben.",
    ),
}
