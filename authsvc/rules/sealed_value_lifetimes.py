"""How long what we seal into a page may come back. `flows/keys/reseal_keys` keeps a master key for the longest of them.

Seconds.
"""

from __future__ import annotations

DEVICE_CONFIRMATION_SECONDS = 600
"""The page that asks whether a device may log in (flows/device/confirm_device)."""
PENDING_REQUEST_SECONDS = 3600
"""An authorization request that waits for a person (flows/authorize/pending_request)."""
LOGOUT_PAGE_SECONDS = 3600
"""The page that asks whether to log out (flows/ending/browser_logout)."""
MAILED_CODE_SECONDS = 900
"""The page where the code of a letter is entered (flows/proofs/ask_for_letter)."""
SECOND_STEP_SECONDS = 300
"""A login that waits for its second factor (flows/login/second_step)."""
PASSKEY_CHALLENGE_SECONDS = 300
"""A challenge for a passkey (flows/factors/passkey_challenge)."""
LONGEST_SECONDS = max(DEVICE_CONFIRMATION_SECONDS, PENDING_REQUEST_SECONDS, LOGOUT_PAGE_SECONDS, MAILED_CODE_SECONDS)
