"""Every mail: which words it says, which values it wants, and how long it is good. English and German side by side.

`{name}` is a placeholder. Of the values, `link` becomes the button and `code` is shown large; `when`, `device` and
`address` stand in a table. `brand` and `host` (of the issuer) are there without being given.
"""

from __future__ import annotations

from authsvc.records import frozen

LANGUAGES = ("en", "de")
Text = tuple[str, str]

LONGEST_SECONDS = 3 * 86_400
"""No mail is tried for longer."""
ALWAYS = frozenset({"brand", "host"})
OPENS = frozenset({"link", "code"})
"""Values that give something to whoever has them."""
FACTS: dict[str, Text] = {
    "when": ("When", "Wann"),
    "device": ("Device", "Gerät"),
    "address": ("From network address", "Von Netzwerkadresse"),
}


@frozen
class Template:
    """`values`: those that must be given; `optional`: those that may. `button` stands where there is a link, `instead`
    where there is none."""

    subject: Text
    before: tuple[Text, ...]
    after: tuple[Text, ...] = ()
    button: Text | None = None
    instead: tuple[Text, ...] = ()
    values: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    lifetime_seconds: int = LONGEST_SECONDS


_YOURS: Text = ("If that was you, there is nothing to do.", "Wenn Sie das waren, müssen Sie nichts tun.")
_NOT_ME: Text = ("This was not me", "Das war ich nicht")
_NOT_ME_EXPLAINED: Text = (
    "If it was not you, use the button: you will be signed out everywhere and choose a new password.",
    "Waren Sie es nicht, drücken Sie den Knopf: Sie werden überall abgemeldet und wählen ein neues Passwort.",
)
_NOT_ME_BY_HAND: Text = (
    "If it was not you, change your password at {host} at once: that ends all your other sessions.",
    "Waren Sie es nicht, ändern Sie sofort Ihr Passwort auf {host}: Das beendet alle Ihre anderen Sitzungen.",
)


def _notice(subject: Text, told: Text) -> Template:
    """A mail that tells what happened to an account."""
    return Template(
        subject,
        before=(told,),
        after=(_YOURS, _NOT_ME_EXPLAINED),
        button=_NOT_ME,
        instead=(_YOURS, _NOT_ME_BY_HAND),
        values=frozenset(FACTS),
        optional=frozenset({"link"}),
    )


_ONCE: Text = (
    "The link and the code are good for 15 minutes, once. Give neither to anybody: nobody of {brand} asks for them.",
    "Link und Code gelten 15 Minuten und nur einmal. Geben Sie beides niemandem: Niemand von {brand} fragt danach.",
)
_FOR_NOBODY: Text = (
    "Whoever has the code is signed in as you. Give it to nobody, whoever asks, and type it on no other page.",
    "Wer den Code hat, ist als Sie angemeldet. Geben Sie ihn niemandem, wer auch fragt, und tippen Sie ihn auf keiner "
    "anderen Seite ein.",
)
_NOT_ASKED: Text = (
    "If you did not ask for this, there is nothing to do: without this mail nothing changes.",
    "Haben Sie das nicht angefordert, müssen Sie nichts tun: Ohne diese Mail ändert sich nichts.",
)


def _proof(subject: Text, told: Text, button: Text) -> Template:
    """A mail with a link and a code that somebody asked for and waits for."""
    return Template(
        subject,
        before=(told,),
        after=(_ONCE, _NOT_ASKED),
        button=button,
        values=frozenset({"link", "code"}),
        lifetime_seconds=900,
    )


TEMPLATES: dict[str, Template] = {
    "reset": _proof(
        ("Choose a new password", "Neues Passwort wählen"),
        (
            "Somebody, most likely you, wants to choose a new password for your account at {host}.",
            "Jemand, wahrscheinlich Sie selbst, möchte für Ihr Konto auf {host} ein neues Passwort wählen.",
        ),
        ("Choose a new password", "Neues Passwort wählen"),
    ),
    "login": Template(
        ("Your code to sign in", "Ihr Code zur Anmeldung"),
        before=(
            (
                "Somebody, most likely you, wants to sign in to {app} with your account at {host}.",
                "Jemand, wahrscheinlich Sie selbst, möchte sich mit Ihrem Konto auf {host} bei {app} anmelden.",
            ),
        ),
        after=(
            (
                "Enter the code where you asked for it. The link works in that browser alone. Both are good for 15 "
                "minutes, once.",
                "Geben Sie den Code dort ein, wo Sie ihn angefordert haben. Der Link geht nur in diesem Browser. "
                "Beides gilt 15 Minuten und nur einmal.",
            ),
            _FOR_NOBODY,
            _NOT_ASKED,
        ),
        button=("Sign in", "Anmelden"),
        instead=(
            (
                "Enter the code where you asked for it. It is good for 15 minutes, once.",
                "Geben Sie den Code dort ein, wo Sie ihn angefordert haben. Er gilt 15 Minuten und nur einmal.",
            ),
            _FOR_NOBODY,
            _NOT_ASKED,
        ),
        values=frozenset({"code", "app", "device", "address"}),
        optional=frozenset({"link"}),
        lifetime_seconds=900,
    ),
    "verify": _proof(
        ("Confirm your e-mail address", "E-Mail-Adresse bestätigen"),
        (
            "Please confirm that this is the e-mail address of your account at {host}.",
            "Bitte bestätigen Sie, dass dies die E-Mail-Adresse Ihres Kontos auf {host} ist.",
        ),
        ("Confirm", "Bestätigen"),
    ),
    "address_change": _proof(
        ("Use this e-mail address", "Diese E-Mail-Adresse verwenden"),
        (
            "Somebody, most likely you, wants to use this e-mail address for an account at {host}.",
            "Jemand, wahrscheinlich Sie selbst, möchte diese E-Mail-Adresse für ein Konto auf {host} verwenden.",
        ),
        ("Use this address", "Diese Adresse verwenden"),
    ),
    "address_changed_old": Template(
        ("Your account has another e-mail address", "Ihr Konto hat eine andere E-Mail-Adresse"),
        before=(
            (
                "Your account at {host} has another e-mail address now. Mails about it no longer come here.",
                "Ihr Konto auf {host} hat jetzt eine andere E-Mail-Adresse. Mails dazu kommen nicht mehr hierher.",
            ),
        ),
        after=(
            _YOURS,
            (
                "If it was not you, use the button within 72 hours: this address comes back, everybody is signed out, "
                "and you get a mail for a new password.",
                "Waren Sie es nicht, drücken Sie innerhalb von 72 Stunden den Knopf: Diese Adresse gilt wieder, alle "
                "werden abgemeldet, und Sie bekommen eine Mail für ein neues Passwort.",
            ),
        ),
        button=("Undo this", "Rückgängig machen"),
        values=frozenset({"link"}),
    ),
    "registration": _proof(
        ("Create your account", "Konto anlegen"),
        (
            "Somebody, most likely you, wants to create an account at {host} with this e-mail address.",
            "Jemand, wahrscheinlich Sie selbst, möchte mit dieser E-Mail-Adresse ein Konto auf {host} anlegen.",
        ),
        ("Create account", "Konto anlegen"),
    ),
    "invitation": Template(
        ("You are invited to {brand}", "Einladung zu {brand}"),
        before=(
            (
                "Those who run {host} have made an account for you. Choose a password to use it.",
                "Die Betreiber von {host} haben ein Konto für Sie angelegt. Wählen Sie ein Passwort, um es zu nutzen.",
            ),
        ),
        after=(
            (
                "The link is good for seven days, once. If you do not want an account, there is nothing to do.",
                "Der Link gilt sieben Tage und nur einmal. Möchten Sie kein Konto, müssen Sie nichts tun.",
            ),
        ),
        button=("Choose a password", "Passwort wählen"),
        values=frozenset({"link"}),
    ),
    "you_have_an_account": Template(
        ("You have an account", "Sie haben schon ein Konto"),
        before=(
            (
                "Somebody, perhaps you, gave this e-mail address at {host}. There is an account with it already.",
                "Jemand, vielleicht Sie selbst, hat diese E-Mail-Adresse auf {host} angegeben. Damit gibt es schon ein "
                "Konto.",
            ),
        ),
        after=(
            (
                "Sign in with it. If you do not know the password any more, choose a new one there.",
                "Melden Sie sich damit an. Wissen Sie das Passwort nicht mehr, wählen Sie dort ein neues.",
            ),
            _NOT_ASKED,
        ),
        button=("Sign in", "Anmelden"),
        values=frozenset({"link"}),
        lifetime_seconds=3600,
    ),
    "account_deleted": Template(
        ("Your account was deleted", "Ihr Konto wurde gelöscht"),
        before=(
            (
                "Your account at {host} was deleted, as you asked on its page. This is the last mail about it.",
                "Ihr Konto auf {host} wurde gelöscht, wie Sie es auf der Kontoseite verlangt haben. Dies ist die "
                "letzte Mail dazu.",
            ),
        ),
        after=(
            (
                "If it was not you, write to the people who run {brand}: nobody can bring the account back, but they "
                "can see when it happened.",
                "Waren Sie es nicht, schreiben Sie den Betreibern von {brand}: Das Konto lässt sich nicht "
                "zurückholen, aber sie sehen, wann es geschah.",
            ),
        ),
        values=frozenset(FACTS),
    ),
    "test": Template(
        ("Test mail from {brand}", "Testmail von {brand}"),
        before=(
            ("Mails from {host} arrive here.", "Mails von {host} kommen hier an."),
            (
                "Somebody who runs this service sent this mail.",
                "Jemand, der diesen Dienst betreibt, hat sie geschickt.",
            ),
        ),
        lifetime_seconds=3600,
    ),
    "notice_new_device": _notice(
        ("New sign-in to your account", "Neue Anmeldung bei Ihrem Konto"),
        (
            "Somebody signed in to your account at {host} on a device that we had not seen before.",
            "Bei Ihrem Konto auf {host} hat sich jemand mit einem Gerät angemeldet, das wir noch nicht kannten.",
        ),
    ),
    "notice_password_changed": _notice(
        ("Your password was changed", "Ihr Passwort wurde geändert"),
        (
            "The password of your account at {host} was changed. All other sessions were ended.",
            "Das Passwort Ihres Kontos auf {host} wurde geändert. Alle anderen Sitzungen wurden beendet.",
        ),
    ),
    "notice_address_changed": _notice(
        ("Your e-mail address was changed", "Ihre E-Mail-Adresse wurde geändert"),
        (
            "Your account at {host} was given another e-mail address.",
            "Ihr Konto auf {host} hat eine andere E-Mail-Adresse bekommen.",
        ),
    ),
    "notice_factor_added": _notice(
        ("A new way to sign in was added", "Eine neue Anmeldemöglichkeit wurde hinzugefügt"),
        (
            "A new way to sign in was added to your account at {host}.",
            "Ihrem Konto auf {host} wurde eine neue Möglichkeit zur Anmeldung hinzugefügt.",
        ),
    ),
    "notice_factor_removed": _notice(
        ("A way to sign in was removed", "Eine Anmeldemöglichkeit wurde entfernt"),
        (
            "A way to sign in was removed from your account at {host}.",
            "Von Ihrem Konto auf {host} wurde eine Möglichkeit zur Anmeldung entfernt.",
        ),
    ),
    "notice_recovery_code_used": _notice(
        ("A recovery code was used", "Ein Wiederherstellungscode wurde benutzt"),
        (
            "Somebody signed in to your account at {host} with one of your recovery codes.",
            "Jemand hat sich bei Ihrem Konto auf {host} mit einem Ihrer Wiederherstellungscodes angemeldet.",
        ),
    ),
    "notice_theft": Template(
        ("We ended a session of yours", "Wir haben eine Ihrer Sitzungen beendet"),
        before=(
            (
                "Something that keeps you signed in to {host} was used twice, as it is when somebody has copied it. "
                "We ended that session, for whoever had it.",
                "Etwas, das Sie auf {host} angemeldet hält, wurde zweimal benutzt, so wie es ist, wenn jemand es "
                "kopiert hat. Wir haben diese Sitzung beendet, für jeden, der sie hatte.",
            ),
        ),
        after=(
            (
                "Sign in again to go on. If your device may be infected, use the button on another one: you will be "
                "signed out everywhere and choose a new password.",
                "Melden Sie sich neu an, um weiterzumachen. Ist Ihr Gerät vielleicht befallen, drücken Sie den Knopf "
                "auf einem anderen: Sie werden überall abgemeldet und wählen ein neues Passwort.",
            ),
        ),
        button=_NOT_ME,
        instead=(
            (
                "Sign in again to go on. If your device may be infected, change your password at {host} on another "
                "one.",
                "Melden Sie sich neu an, um weiterzumachen. Ist Ihr Gerät vielleicht befallen, ändern Sie auf einem "
                "anderen Ihr Passwort auf {host}.",
            ),
        ),
        values=frozenset(FACTS),
        optional=frozenset({"link"}),
    ),
}
"""Template -> what it says. A new mail is a line here."""


def wrong_values(template: Template, values: frozenset[str]) -> frozenset[str]:
    """Names of values that are missing, or that the template does not know."""
    return (template.values - values) | (values - template.values - template.optional)
