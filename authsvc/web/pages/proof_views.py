"""The pages of proofs by mail: where a letter is asked for, and what opens from it."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from authsvc.records import frozen
from authsvc.rules.proofs.proof import Purpose
from authsvc.web.pages.views import View


@frozen
class AskForLetter(View):
    """Where somebody gives their address. Posts username, request, csrf, and remember_me where that is allowed, to
    `action`. `client_name`: of the app that a login is for."""

    template = "ask_for_letter"
    purpose: Purpose
    action: str
    username: str = ""
    request: str = field(repr=False, default="")
    client_name: str | None = None
    remember_me_allowed: bool = False
    remember_me: bool = False


@frozen
class LetterSent(View):
    """Whatever became of it: look into your mail, and here is the field for the code. Posts code, sealed, request,
    csrf to /proof/code."""

    template = "letter_sent"
    purpose: Purpose
    email: str
    sealed: str = field(repr=False)
    request: str = field(repr=False, default="")
    again: str = "/account"
    """Where another mail is asked for."""


@frozen
class ChoosePassword(View):
    """Posts key, new_password, repeat_password, request, csrf to /proof; name, where it is not None; and proved, what
    says that a second factor was."""

    template = "choose_password"
    purpose: Purpose
    email: str
    key: str = field(repr=False)
    name: str | None = None
    request: str = field(repr=False, default="")
    proved: str = field(repr=False, default="")


@frozen
class ConfirmProof(View):
    """A button that spends a proof. Posts key, request, csrf to /proof. `account`: the person's address, where the
    letter went to another one; `client_name`: of the app that a login is for."""

    template = "confirm_proof"
    purpose: Purpose
    email: str
    key: str = field(repr=False)
    account: str = ""
    request: str = field(repr=False, default="")
    client_name: str | None = None


@frozen
class ProofDone(View):
    """It is done. With `request` a button goes on to the login of that request (POST /login, decision=another), else a
    link leads to the account. `kind`: the purpose, or what became of it otherwise; `email`: of whom."""

    template = "proof_done"
    kind: DoneKind
    email: str = ""
    request: str = field(repr=False, default="")


DoneKind = Literal[
    "reset",
    "verify",
    "address_change",
    "undo_address",
    "not_me",
    "address_taken",
    "address_lost",
    "registration",
    "invitation",
    "account_exists",
]


@frozen
class ProofVoid(View):
    """A link that is spent, void or too old, and where another is to be had."""

    template = "proof_void"

    @property
    def status(self) -> int:
        return 403


@frozen
class ProofElsewhere(View):
    """The link of a login, opened in another browser than the one that asked for it."""

    template = "proof_elsewhere"

    @property
    def status(self) -> int:
        return 403
