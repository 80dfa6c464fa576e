"""The numbers of a client, each once. Imports nothing: the command line shows some of them in its help."""

from __future__ import annotations

MAX_ID = 128
MAX_NAME = 100
MAX_AUDIENCE = 2000
MAX_URIS = 20
"""Members of a list in a registration."""
MAX_SECRETS = 2
"""The newest and the one that it follows."""
SECRET_CHARACTERS = (16, 1024)
UNGUESSABLE_CHARACTERS = 32
"""128 random bits in hexadecimal: the least that generators of secrets make. Ours have 43 characters."""
ACCESS_TOKEN_SECONDS = (10, 86_400)
ID_TOKEN_SECONDS = (60, 86_400)
SESSION_SECONDS = (60, 315_360_000)
REFRESH_GRACE_SECONDS = (0, 300)
REFRESH_LOST_ANSWER_SECONDS = (0, 315_360_000)
TRUSTED_DEVICE_DAYS = (0, 90)
REGISTRATION_TOKEN_USES = (1, 10_000)
REGISTRATION_TOKEN_SECONDS = (1, 31_536_000)
MAX_NOTE = 200
