"""Every text of the pages, English and German side by side. Nothing else holds words that a person reads.

`{name}` is a placeholder; keys ending in `.one` and `.other` are chosen by number (both languages have these two
forms, CLDR). `tests/web/pages/test_pages` holds the columns to the same placeholders, and the templates to these keys.
"""

from __future__ import annotations

from authsvc.web.pages.catalogue_of_factors import FACTORS
from authsvc.web.pages.catalogue_of_own_account import OWN_ACCOUNT
from authsvc.web.pages.catalogue_of_own_events import OWN_EVENTS
from authsvc.web.pages.catalogue_of_passkeys import PASSKEYS
from authsvc.web.pages.catalogue_of_proofs import PROOFS

LANGUAGES = ("en", "de")

TEXT: dict[str, tuple[str, str]] = {
    # shared
    "title": ("{page} – {brand}", "{page} – {brand}"),
    "title.problem": ("Problem: {page} – {brand}", "Problem: {page} – {brand}"),
    "signed_in_as": ("Signed in as {account}", "Angemeldet als {account}"),
    "allow": ("Allow", "Erlauben"),
    "deny": ("Deny", "Ablehnen"),
    "continue": ("Continue", "Weiter"),
    "back_to_app": ("Back to {app}", "Zurück zu {app}"),
    "unnamed_app": ("Unnamed app", "App ohne Namen"),
    # login
    "login.title": ("Sign in", "Anmelden"),
    "login.for_app": ("to continue to {app}", "um mit {app} fortzufahren"),
    "login.again": ("Please confirm that it is you.", "Bitte bestätigen Sie, dass Sie es sind."),
    "login.username": ("E-mail address", "E-Mail-Adresse"),
    "login.password": ("Password", "Passwort"),
    "login.remember_me": ("Keep me signed in", "Angemeldet bleiben"),
    "login.remember_me_hint": ("Not on a shared device.", "Nicht auf einem gemeinsam genutzten Gerät."),
    "login.submit": ("Sign in", "Anmelden"),
    # consent
    "consent.title": ("{app} asks for access", "{app} bittet um Zugriff"),
    "consent.page": ("Allow access", "Zugriff erlauben"),
    "consent.stranger": (
        "Nobody here knows this app. It chose its name itself.",
        "Diese App ist hier niemandem bekannt. Ihren Namen hat sie selbst gewählt.",
    ),
    "consent.by_document": (
        "Nobody here knows this app. Only {host} says what it is called.",
        "Diese App ist hier niemandem bekannt. Nur {host} sagt, wie sie heißt.",
    ),
    "consent.asks": ("If you allow it, this app can:", "Wenn Sie zustimmen, kann diese App:"),
    "consent.revoke_later": (
        "You can take this back at any time in your account.",
        "Sie können das jederzeit in Ihrem Konto zurücknehmen.",
    ),
    "consent.returns_to": ("Afterwards you return to {host}.", "Danach kehren Sie zu {host} zurück."),
    "consent.returns_to_device": (
        "Afterwards you return to an app on this device.",
        "Danach kehren Sie zu einer App auf diesem Gerät zurück.",
    ),
    "consent.policy": ("Privacy policy of the app", "Datenschutzerklärung der App"),
    "consent.terms": ("Terms of the app", "Nutzungsbedingungen der App"),
    # go on to a client of the house
    "go_on.page": ("Continue", "Fortfahren"),
    "go_on.title": ("Continue to {app}?", "Mit {app} fortfahren?"),
    "go_on.explain": (
        "Continue only if you have just opened {app} yourself. It then acts with your account.",
        "Fahren Sie nur fort, wenn Sie {app} gerade selbst geöffnet haben. Die App handelt dann mit Ihrem Konto.",
    ),
    "go_on.cancel": ("Cancel", "Abbrechen"),
    "scope.openid": ("Know that you are signed in", "Wissen, dass Sie angemeldet sind"),
    "scope.profile": ("See your name and language", "Ihren Namen und Ihre Sprache sehen"),
    "scope.email": ("See your e-mail address", "Ihre E-Mail-Adresse sehen"),
    "scope.phone": ("See your phone number", "Ihre Telefonnummer sehen"),
    "scope.address": ("See your postal address", "Ihre Postanschrift sehen"),
    "scope.roles": ("See your roles, and act with them", "Ihre Rollen sehen und mit ihnen handeln"),
    "scope.offline_access": (
        "Stay connected while you are not using it",
        "Verbunden bleiben, während Sie sie nicht benutzen",
    ),
    "unknown_scope": ("Use the permission {scope}", "Die Berechtigung {scope} nutzen"),
    # account
    "account.title": ("Your account", "Ihr Konto"),
    "account.sign_out": ("Sign out", "Abmelden"),
    "account.sessions": ("Where you are signed in", "Wo Sie angemeldet sind"),
    "account.sessions.one": ("{count} active session", "{count} aktive Sitzung"),
    "account.sessions.other": ("{count} active sessions", "{count} aktive Sitzungen"),
    "account.sessions_hint": (
        "If you do not recognise one, end it and change your password.",
        "Wenn Sie eine nicht kennen, beenden Sie sie und ändern Sie Ihr Passwort.",
    ),
    "account.this_device": ("This device", "Dieses Gerät"),
    "account.address": ("Network address", "Netzwerkadresse"),
    "account.apps_used": ("Apps", "Apps"),
    "account.signed_in": ("Signed in", "Angemeldet"),
    "account.last_seen": ("Last seen", "Zuletzt gesehen"),
    "account.unknown_device": ("Unknown device", "Unbekanntes Gerät"),
    "account.pages": ("Pages of sessions", "Seiten der Sitzungen"),
    "account.page": ("Page {page} of {pages}", "Seite {page} von {pages}"),
    "account.earlier_page": ("Back", "Zurück"),
    "account.later_page": ("Next", "Weiter"),
    "account.end": ("End", "Beenden"),
    "account.end_others": ("End all other sessions", "Alle anderen Sitzungen beenden"),
    "account.password": ("Password", "Passwort"),
    "account.password_hint": (
        "Changing it ends all your other sessions.",
        "Wenn Sie es ändern, werden alle Ihre anderen Sitzungen beendet.",
    ),
    "account.current_password": ("Current password", "Aktuelles Passwort"),
    "account.new_password": ("New password", "Neues Passwort"),
    "account.repeat_password": ("Repeat the new password", "Neues Passwort wiederholen"),
    "account.change_password": ("Change password", "Passwort ändern"),
    "account.apps": ("Apps with access", "Apps mit Zugriff"),
    "account.no_apps": ("You have not allowed any app yet.", "Sie haben noch keiner App den Zugriff erlaubt."),
    "account.allowed_since": ("Allowed on {date}", "Erlaubt am {date}"),
    "account.revoke": ("Remove", "Entfernen"),
    "notice.session_ended": ("The session has ended.", "Die Sitzung ist beendet."),
    "notice.others_ended.one": ("{count} other session has ended.", "{count} andere Sitzung wurde beendet."),
    "notice.others_ended.other": ("{count} other sessions have ended.", "{count} andere Sitzungen wurden beendet."),
    "notice.password_changed": (
        "Your password is changed. Your other sessions have ended.",
        "Ihr Passwort ist geändert. Ihre anderen Sitzungen wurden beendet.",
    ),
    "notice.password_changed_ending": (
        "Your password is changed. Your other sessions are being ended; that takes a few minutes.",
        "Ihr Passwort ist geändert. Ihre anderen Sitzungen werden beendet; das dauert einige Minuten.",
    ),
    "notice.app_revoked": ("The app no longer has access.", "Die App hat keinen Zugriff mehr."),
    # device
    "device.title": ("Connect a device", "Gerät verbinden"),
    "device.enter": ("Enter the code that the device shows.", "Geben Sie den Code ein, den das Gerät anzeigt."),
    "device.code": ("Code", "Code"),
    "device.confirm": ("Connect this device?", "Dieses Gerät verbinden?"),
    "device.wants": (
        "{app} on another device wants to sign in as you.",
        "{app} möchte sich auf einem anderen Gerät mit Ihrem Konto anmelden.",
    ),
    "device.same_code": (
        "Does the device in front of you show exactly this code?",
        "Zeigt das Gerät vor Ihnen genau diesen Code?",
    ),
    "device.asked": ("Asked", "Angefragt"),
    "device.kind": ("Device", "Gerät"),
    "device.address": ("From network address", "Von Netzwerkadresse"),
    "device.can": ("It will be able to:", "Es kann dann:"),
    "device.caution": (
        "Only continue if you started this yourself. If somebody sent you the code, deny it.",
        "Fahren Sie nur fort, wenn Sie das selbst begonnen haben. Hat Ihnen jemand den Code geschickt, lehnen Sie ab.",
    ),
    "device.allow": ("Connect", "Verbinden"),
    "device.done": ("The device is connected", "Das Gerät ist verbunden"),
    "device.done_hint": (
        "You can close this page and carry on there.",
        "Sie können diese Seite schließen und dort weitermachen.",
    ),
    "device.denied": ("The device was not connected", "Das Gerät wurde nicht verbunden"),
    "device.denied_hint": (
        "It has no access. You can close this page.",
        "Es hat keinen Zugriff. Sie können diese Seite schließen.",
    ),
    # logout
    "logout.title": ("Sign out?", "Abmelden?"),
    "logout.explain": (
        "This signs you out in this browser, in every app that you opened from it.",
        "Damit werden Sie in diesem Browser und allen daraus geöffneten Apps abgemeldet.",
    ),
    "logout.submit": ("Sign out", "Abmelden"),
    "logout.stay": ("Stay signed in", "Angemeldet bleiben"),
    "logout.done": ("You are signed out", "Sie sind abgemeldet"),
    "logout.done_hint": ("You can close this page.", "Sie können diese Seite schließen."),
    # turned away
    "turned_away.title": ("No access with this account", "Kein Zugriff mit diesem Konto"),
    "turned_away.explain": (
        "{app} is only open to accounts with another role. Your password is correct, and nothing is broken.",
        "{app} ist nur für Konten mit einer anderen Rolle zugänglich. Ihr Passwort stimmt, und nichts ist kaputt.",
    ),
    "turned_away.ask": (
        "If you need access, ask the people who run {app}.",
        "Wenn Sie Zugriff brauchen, wenden Sie sich an die Betreiber von {app}.",
    ),
    "turned_away.another": ("Use another account", "Anderes Konto verwenden"),
    # form_post
    "form_post.title": ("One moment", "Einen Moment"),
    "form_post.explain": (
        "You are being taken back to {host}. If nothing happens, continue yourself.",
        "Sie werden zu {host} zurückgeleitet. Falls nichts geschieht, fahren Sie bitte selbst fort.",
    ),
    # problems in a form
    "problem.credentials": (
        "E-mail address or password is not correct.",
        "E-Mail-Adresse oder Passwort ist nicht richtig.",
    ),
    "problem.missing": ("Please fill in every field.", "Bitte füllen Sie alle Felder aus."),
    "problem.too_many": (
        "Too many attempts. Please try again in {wait}.",
        "Zu viele Versuche. Bitte versuchen Sie es in {wait} erneut.",
    ),
    "problem.unavailable": (
        "We cannot do this right now. The fault is ours; nothing was changed. Please try again in {wait}.",
        "Das ist gerade nicht möglich. Der Fehler liegt bei uns; nichts wurde geändert. "
        "Bitte versuchen Sie es in {wait} erneut.",
    ),
    "problem.expired": (
        "This page had expired: it was open for too long, or its cookie was gone. Nothing was done. Please try again; "
        "if it happens again, allow cookies.",
        "Diese Seite war abgelaufen: Sie war zu lange geöffnet, oder ihr Cookie fehlte. Es ist nichts geschehen. "
        "Bitte versuchen Sie es erneut; passiert es wieder, erlauben Sie Cookies.",
    ),
    "problem.user_code": (
        "This code is not valid, or it has expired. Compare it with the device.",
        "Dieser Code ist ungültig oder abgelaufen. Vergleichen Sie ihn mit dem Gerät.",
    ),
    "problem.current_password": ("The current password is not correct.", "Das aktuelle Passwort ist nicht richtig."),
    "problem.password_mismatch": ("The new passwords differ.", "Die neuen Passwörter stimmen nicht überein."),
    "problem.password_short.one": (
        "The new password needs at least {count} character.",
        "Das neue Passwort braucht mindestens {count} Zeichen.",
    ),
    "problem.password_short.other": (
        "The new password needs at least {count} characters.",
        "Das neue Passwort braucht mindestens {count} Zeichen.",
    ),
    "problem.password_long": ("The new password is too long.", "Das neue Passwort ist zu lang."),
    "problem.password_common": (
        "This password is known to attackers. Please choose another.",
        "Dieses Passwort ist Angreifern bekannt. Bitte wählen Sie ein anderes.",
    ),
    "problem.password_same": ("The new password is the current one.", "Das neue Passwort ist das aktuelle."),
    # the error page
    "error.bad_request": ("This link does not work", "Dieser Link funktioniert nicht"),
    "error.bad_request.explain": (
        "The app that sent you here made a request that we cannot answer. Go back to it and try again; "
        "if it happens again, tell the people who run the app.",
        "Die App, die Sie hierher geschickt hat, hat eine Anfrage gestellt, die wir nicht beantworten können. "
        "Gehen Sie zurück und versuchen Sie es erneut; passiert es wieder, sagen Sie es den Betreibern der App.",
    ),
    "error.expired": ("This page has expired", "Diese Seite ist abgelaufen"),
    "error.expired.explain": (
        "It was open for too long, or it belongs to another browser. Go back to the app and start again.",
        "Sie war zu lange geöffnet oder gehört zu einem anderen Browser. Gehen Sie zurück zur App und beginnen Sie von "
        "vorn.",
    ),
    "error.back": ("Go to {host}", "Zu {host}"),
    "error.forbidden": ("This was not sent from our page", "Das kam nicht von unserer Seite"),
    "error.forbidden.explain": (
        "To protect you, we only accept forms from our own pages, with cookies allowed. Nothing was changed.",
        "Zu Ihrem Schutz nehmen wir Formulare nur von unseren eigenen Seiten und mit erlaubten Cookies an. "
        "Nichts wurde geändert.",
    ),
    "error.not_found": ("There is nothing here", "Hier ist nichts"),
    "error.not_found.explain": (
        "The address is mistyped, or the page has gone.",
        "Die Adresse ist falsch geschrieben, oder die Seite gibt es nicht mehr.",
    ),
    "error.role_missing": ("No access with this account", "Kein Zugriff mit diesem Konto"),
    "error.role_missing.explain": (
        "Only accounts with another role can connect this device. Your code is correct, and nothing was changed.",
        "Nur Konten mit einer anderen Rolle können dieses Gerät verbinden. Ihr Code stimmt, und nichts wurde geändert.",
    ),
    "error.too_many": ("A little too fast", "Etwas zu schnell"),
    "error.too_many.explain": (
        "There were too many attempts. Please try again in {wait}.",
        "Es gab zu viele Versuche. Bitte versuchen Sie es in {wait} erneut.",
    ),
    "error.unavailable": ("We will be right back", "Wir sind gleich zurück"),
    "error.unavailable.explain": (
        "The service cannot answer right now. Nothing was changed. Please try again in {wait}.",
        "Der Dienst kann gerade nicht antworten. Nichts wurde geändert. Bitte versuchen Sie es in {wait} erneut.",
    ),
    "error.server_error": ("Something broke on our side", "Bei uns ist etwas schiefgegangen"),
    "error.server_error.explain": (
        "It is not your fault. Please try again; if it happens again, tell us the reference below.",
        "Es liegt nicht an Ihnen. Bitte versuchen Sie es erneut; passiert es wieder, nennen Sie uns die Angabe unten.",
    ),
    "error.reference": ("Reference", "Angabe für Rückfragen"),
    # times
    "now": ("just now", "gerade eben"),
    "ago.minute.one": ("{count} minute ago", "vor {count} Minute"),
    "ago.minute.other": ("{count} minutes ago", "vor {count} Minuten"),
    "ago.hour.one": ("{count} hour ago", "vor {count} Stunde"),
    "ago.hour.other": ("{count} hours ago", "vor {count} Stunden"),
    "ago.day.one": ("{count} day ago", "vor {count} Tag"),
    "ago.day.other": ("{count} days ago", "vor {count} Tagen"),
    "ago.month.one": ("{count} month ago", "vor {count} Monat"),
    "ago.month.other": ("{count} months ago", "vor {count} Monaten"),
    "ago.year.one": ("{count} year ago", "vor {count} Jahr"),
    "ago.year.other": ("{count} years ago", "vor {count} Jahren"),
    "wait.second.one": ("{count} second", "{count} Sekunde"),
    "wait.second.other": ("{count} seconds", "{count} Sekunden"),
    "wait.minute.one": ("{count} minute", "{count} Minute"),
    "wait.minute.other": ("{count} minutes", "{count} Minuten"),
    "wait.hour.one": ("{count} hour", "{count} Stunde"),
    "wait.hour.other": ("{count} hours", "{count} Stunden"),
    "date": ("{day} {month} {year}", "{day}. {month} {year}"),
    "moment": ("{date}, {time} UTC", "{date}, {time} UTC"),
    "months": (
        "January February March April May June July August September October November December",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    ),
    "thousands": (",", "."),
    **FACTORS,
    **PROOFS,
    **OWN_EVENTS,
    **PASSKEYS,
    **OWN_ACCOUNT,
}
