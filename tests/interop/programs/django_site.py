"""A Django site of one page, for programs that log people in to Django: run in their environment, by

    python django_site.py SETTINGS.py PORT

SETTINGS.py is what docs/clients.md shows. The page says who is logged in, as JSON.
"""

from __future__ import annotations

import sys
from pathlib import Path
from wsgiref.simple_server import make_server

import django
from django.conf import settings

HERE = Path.cwd()
SITE = {
    "SECRET_KEY": "of-a-site-of-the-tests",
    "DEBUG": True,
    "ALLOWED_HOSTS": ["*"],
    "ROOT_URLCONF": "django_site_urls",
    "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(HERE / "site.sqlite")}},
    "INSTALLED_APPS": [
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
    ],
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    "DEFAULT_AUTO_FIELD": "django.db.models.AutoField",
    "LOGIN_REDIRECT_URL": "/who",
    "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
    "USE_TZ": True,
}


def main() -> None:
    shown: dict[str, object] = dict(SITE)
    exec(Path(sys.argv[1]).read_text(), shown)
    settings.configure(**{name: value for name, value in shown.items() if name.isupper()})
    django.setup()
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    call_command("migrate", verbosity=0)
    make_server("127.0.0.1", int(sys.argv[2]), get_wsgi_application()).serve_forever()


if __name__ == "__main__":
    main()
