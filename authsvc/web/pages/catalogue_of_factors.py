"""Texts of second factors, as in `catalogue`: the second step of a login, and the account's pages."""

from __future__ import annotations

FACTORS: dict[str, tuple[str, str]] = {
    "second.title": ("One more step", "Noch ein Schritt"),
    "second.explain": (
        "Your account is protected by a second factor.",
        "Ihr Konto ist durch einen zweiten Faktor geschützt.",
    ),
    "second.explain_reset": (
        "Your account is protected by a second factor. Then you choose your new password.",
        "Ihr Konto ist durch einen zweiten Faktor geschützt. Danach wählen Sie Ihr neues Passwort.",
    ),
    "second.otp": ("One-time code", "Einmalcode"),
    "second.otp_hint": ("Six digits, from your authenticator app.", "Sechs Ziffern, aus Ihrer Authenticator-App."),
    "second.recovery_code": ("Recovery code", "Wiederherstellungscode"),
    "second.recovery_code_hint": (
        "One of those that you wrote down. Each works once.",
        "Einer von denen, die Sie notiert haben. Jeder gilt einmal.",
    ),
    "second.use_recovery_code": ("Use a recovery code instead", "Stattdessen einen Wiederherstellungscode verwenden"),
    "second.submit": ("Continue", "Weiter"),
    # trusted devices
    "second.trust_device.one": ("Trust this device for {count} day", "Diesem Gerät {count} Tag lang vertrauen"),
    "second.trust_device.other": ("Trust this device for {count} days", "Diesem Gerät {count} Tage lang vertrauen"),
    "second.trust_device_hint": (
        "Your password alone signs you in here then. Only on a device that is yours.",
        "Ihr Passwort allein meldet Sie dann hier an. Nur auf einem Gerät, das Ihnen gehört.",
    ),
    "trusted.title": ("Trusted devices", "Vertraute Geräte"),
    "trusted.hint": (
        "On these you sign in without the second step, at apps that allow it.",
        "Auf diesen melden Sie sich bei Apps, die es erlauben, ohne den zweiten Schritt an.",
    ),
    "trusted.since": ("Trusted since", "Vertraut seit"),
    "trusted.until": ("Until", "Bis"),
    "trusted.end": ("Trust no more", "Nicht mehr vertrauen"),
    "notice.trusted_device_ended": (
        "The device is trusted no more, and every session that it opened without the second step has ended.",
        "Dem Gerät wird nicht mehr vertraut, und jede Sitzung, die es ohne zweiten Schritt geöffnet hat, ist beendet.",
    ),
    # a second factor that is missing
    "set_up.title": ("A second factor is needed", "Ein zweiter Faktor ist nötig"),
    "set_up.explain": (
        "{app} is only open to accounts with a second factor. Set one up in your account, then open {app} again.",
        "{app} ist nur für Konten mit einem zweiten Faktor zugänglich. Richten Sie ihn in Ihrem Konto ein, und öffnen "
        "Sie {app} dann erneut.",
    ),
    "set_up.go": ("Go to your account", "Zu Ihrem Konto"),
    # the account
    "account.factors": ("Second factor", "Zweiter Faktor"),
    "account.factors_hint": (
        "A code from an app besides your password: whoever learns the password alone cannot sign in.",
        "Ein Code aus einer App zusätzlich zum Passwort: Wer nur das Passwort kennt, kann sich nicht anmelden.",
    ),
    "account.open_factors": ("Manage second factors", "Zweite Faktoren verwalten"),
    "factors.title": ("Second factors", "Zweite Faktoren"),
    "factors.back": ("Your account", "Ihr Konto"),
    "factors.app": ("Authenticator app", "Authenticator-App"),
    "factors.app_hint": (
        "An app on your phone shows a new code every 30 seconds. You will be asked for it when you sign in.",
        "Eine App auf Ihrem Telefon zeigt alle 30 Sekunden einen neuen Code. Beim Anmelden werden Sie danach gefragt.",
    ),
    "factors.set_up": ("Set up an app", "App einrichten"),
    "factors.scan": ("Scan this picture with the app.", "Scannen Sie dieses Bild mit der App."),
    "factors.picture": ("QR code for the authenticator app", "QR-Code für die Authenticator-App"),
    "factors.type": (
        "If you cannot scan it, type this secret into the app:",
        "Wenn Sie es nicht scannen können, geben Sie dieses Geheimnis in die App ein:",
    ),
    "factors.open_app": ("Open an app on this device", "App auf diesem Gerät öffnen"),
    "factors.first_code": ("The code that the app shows", "Der Code, den die App zeigt"),
    "factors.confirm": ("Confirm", "Bestätigen"),
    "factors.app_since": ("Set up on {date}.", "Eingerichtet am {date}."),
    "factors.last_used": ("Last used {ago}.", "Zuletzt benutzt {ago}."),
    "factors.remove": ("Remove the app", "App entfernen"),
    "factors.remove_hint": (
        "Removing it ends all other sessions that it opened.",
        "Wenn Sie sie entfernen, enden alle anderen Sitzungen, die mit ihr geöffnet wurden.",
    ),
    "factors.added": ("The app is set up.", "Die App ist eingerichtet."),
    "factors.codes": ("Recovery codes", "Wiederherstellungs\u00adcodes"),
    "factors.codes_hint": (
        "For the day on which you do not have the app. Each works once.",
        "Für den Tag, an dem Sie die App nicht haben. Jeder gilt einmal.",
    ),
    "factors.codes_left.one": ("{count} code is left.", "{count} Code ist übrig."),
    "factors.codes_left.other": ("{count} codes are left.", "{count} Codes sind übrig."),
    "factors.new_codes": ("Make new codes", "Neue Codes erstellen"),
    "factors.codes_once": (
        "Write these down, or print this page. They are shown only now.",
        "Schreiben Sie diese auf, oder drucken Sie diese Seite. Sie werden nur jetzt gezeigt.",
    ),
    "factors.codes_old": ("Codes that you had before are void.", "Frühere Codes gelten nicht mehr."),
    "factors.codes_kept": ("I have kept them", "Ich habe sie aufbewahrt"),
    "notice.factor_removed": (
        "The app is removed. Other sessions that it opened have ended.",
        "Die App ist entfernt. Andere Sitzungen, die mit ihr geöffnet wurden, sind beendet.",
    ),
    "problem.second_factor": (
        "The code is not correct, or it was used before. Wait for the next one if it came from an app.",
        "Der Code ist nicht richtig oder wurde schon verwendet. Kommt er aus einer App, warten Sie auf den nächsten.",
    ),
}
