"""Texts of what happened to an account, as in `catalogue`. `event.<kind>`: kinds of `rules/people/own_events`."""

from __future__ import annotations

OWN_EVENTS: dict[str, tuple[str, str]] = {
    "events.title": ("Recent activity", "Letzte Ereignisse"),
    "events.hint": (
        "If you do not recognise something, end your other sessions and change your password.",
        "Wenn Sie etwas nicht kennen, beenden Sie Ihre anderen Sitzungen und ändern Sie Ihr Passwort.",
    ),
    "events.none": ("Nothing has happened yet.", "Noch ist nichts geschehen."),
    "events.all": ("Show all", "Alle anzeigen"),
    "events.earlier": ("Earlier", "Frühere"),
    "events.back": ("Back to your account", "Zurück zu Ihrem Konto"),
    "events.when": ("When", "Wann"),
    "events.by_operator": (
        "by the people who run this service",
        "durch die Betreiber dieses Dienstes",
    ),
    "theft.title": ("We ended a session of yours", "Wir haben eine Ihrer Sitzungen beendet"),
    "theft.explain": (
        "Something that kept you signed in was used twice, as it is when somebody has copied it. The session was ended "
        "for whoever had it. If you did not expect that, end your other sessions and change your password, on another "
        "device if this one may be infected.",
        "Etwas, das Sie angemeldet hielt, wurde zweimal benutzt, so wie es ist, wenn jemand es kopiert hat. Die "
        "Sitzung wurde beendet, für jeden, der sie hatte. Kam das unerwartet, beenden Sie Ihre anderen Sitzungen und "
        "ändern Sie Ihr Passwort, auf einem anderen Gerät, falls dieses befallen sein kann.",
    ),
    "theft.device": ("Device of the session", "Gerät der Sitzung"),
    "theft.ended": ("Signed out of", "Abgemeldet von"),
    "event.account_made": ("Account created", "Konto angelegt"),
    "event.address_changed": ("E-mail address changed", "E-Mail-Adresse geändert"),
    "event.address_confirmed": ("E-mail address confirmed", "E-Mail-Adresse bestätigt"),
    "event.app_revoked": ("Access of an app removed", "Zugriff einer App entfernt"),
    "event.device_trusted": ("Device trusted: no second step on it", "Gerät vertraut: dort kein zweiter Schritt"),
    "event.trusted_device_ended": ("Device trusted no more", "Gerät nicht mehr vertraut"),
    "event.device_allowed": ("Another device connected", "Weiteres Gerät verbunden"),
    "event.disabled": ("Account disabled", "Konto gesperrt"),
    "event.enabled": ("Account enabled again", "Konto wieder freigegeben"),
    "event.factor_added": ("Authenticator app added", "Authenticator-App hinzugefügt"),
    "event.factor_removed": ("Authenticator app removed", "Authenticator-App entfernt"),
    "event.new_device": ("Signed in on a new device", "Anmeldung mit einem neuen Gerät"),
    "event.passkey_added": ("Passkey added", "Passkey hinzugefügt"),
    "event.passkey_removed": ("Passkey removed", "Passkey entfernt"),
    "event.password_changed": ("Password changed", "Passwort geändert"),
    "event.password_chosen": ("Password chosen by mail", "Passwort per Mail gewählt"),
    "event.recovery_code_used": ("Recovery code used", "Wiederherstellungscode benutzt"),
    "event.recovery_codes_made": ("New recovery codes made", "Neue Wiederherstellungscodes angelegt"),
    "event.renamed": ("Name changed", "Name geändert"),
    "event.roles_changed": ("Roles changed", "Rollen geändert"),
    "event.session_ended": ("A session ended", "Eine Sitzung beendet"),
    "event.sessions_ended": ("All other sessions ended", "Alle anderen Sitzungen beendet"),
    "event.taken_back": (
        "“This was not me”: signed out everywhere",
        "„Das war ich nicht“: überall abgemeldet",
    ),
    "event.theft": ("Copied sign-in found, session ended", "Kopierte Anmeldung gefunden, Sitzung beendet"),
}
