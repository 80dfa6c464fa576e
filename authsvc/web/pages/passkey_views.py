"""The page where a passkey is made."""

from __future__ import annotations

from dataclasses import field

from authsvc.records import frozen
from authsvc.web.pages.views import View


@frozen
class NewPasskey(View):
    """`options`: PublicKeyCredentialCreationOptionsJSON, for the script. Posts name, credential, challenge, csrf to
    /account/passkeys/add."""

    template = "passkey_new"
    module = "passkeys.js"
    account: str
    options: str = field(repr=False)
    challenge: str = field(repr=False)
    name: str = ""
