"""Services that can send mails, and never do: the words of a letter are read where it waits."""

from __future__ import annotations

import os
from itertools import count

import pytest

_numbers = count(1)


@pytest.fixture
def settings_env(base_env: dict[str, str], database_url: str) -> dict[str, str]:
    return {
        **base_env,
        "AUTHSVC_DATABASE_URL": database_url,
        "AUTHSVC_REDIS_PREFIX": f"p{os.getpid()}-{next(_numbers)}",
        "AUTHSVC_SMTP_URL": "smtp://localhost:9",  # nobody is there
        "AUTHSVC_MAIL_FROM": "mail@bar.example",
    }
