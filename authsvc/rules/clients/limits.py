"""The numbers of a client and the words of its policies, each once. Imports nothing: the command line shows some of
them in its help."""

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
ASSERTION_SECONDS = (10, 3600)
ASSERTION_USUAL_SECONDS = 300
"""Without a policy; RFC 7523 section 3 leaves it to us."""
ASSERTION_AUDIENCES = ("issuer", "token-endpoint")
ACCESS_TOKEN_TYPES = ("at+jwt", "JWT")
"""The default first (RFC 9068 section 2.1)."""
PKCE = ("required", "nonce", "optional")
SESSION_SECONDS = (60, 315_360_000)
REFRESH_GRACE_SECONDS = (0, 300)
REFRESH_LOST_ANSWER_SECONDS = (0, 315_360_000)
TRUSTED_DEVICE_DAYS = (0, 90)
REGISTRATION_TOKEN_USES = (1, 10_000)
REGISTRATION_TOKEN_SECONDS = (1, 31_536_000)
MAX_NOTE = 200
SECONDS = {
    "access_token_seconds": ACCESS_TOKEN_SECONDS,
    "id_token_seconds": ID_TOKEN_SECONDS,
    "assertion_seconds": ASSERTION_SECONDS,
    "session_seconds": SESSION_SECONDS,
    "remember_me_seconds": SESSION_SECONDS,
    "refresh_grace_seconds": REFRESH_GRACE_SECONDS,
    "refresh_lost_answer_seconds": REFRESH_LOST_ANSWER_SECONDS,
}
"""What the lifetimes of a client may be, by the names of its fields."""
