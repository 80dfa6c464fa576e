"""The page where a passkey is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from authsvc.web.pages.views import View


@dataclass(frozen=True, slots=True)
class NewPasskey(View):
    """`options`: PublicKeyCredentialCreationOptionsJSON, for the script. Posts name, credential, challenge, csrf to
    /account/passkeys/add."""

    template = "passkey_new"
    module = "passkeys.js"
    account: str
    options: str = field(repr=False)
    challenge: str = field(repr=False)
    name: str = ""
