"""The pages of proofs by mail: where a letter is asked for, and what opens from it."""

from __future__ import annotations

from dataclasses import dataclass, field

from authsvc.rules.proofs.proof import Purpose
from authsvc.web.pages.views import Problem, View

__all__ = ["AskForLetter", "ChoosePassword", "LetterSent", "Problem", "ProofDone", "ProofVoid"]


@dataclass(frozen=True, slots=True)
class AskForLetter(View):
    """Where somebody gives their address. Posts username, request, csrf to `action`."""

    template = "ask_for_letter"
    purpose: Purpose
    action: str
    username: str = ""
    request: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class LetterSent(View):
    """Whatever became of it: look into your mail, and here is the field for the code. Posts code, sealed, request,
    csrf to /proof/code."""

    template = "letter_sent"
    purpose: Purpose
    email: str
    sealed: str = field(repr=False)
    request: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class ChoosePassword(View):
    """Posts key, new_password, repeat_password, request, csrf to /proof."""

    template = "choose_password"
    purpose: Purpose
    email: str
    key: str = field(repr=False)
    request: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class ProofDone(View):
    """It is done. With `request` a button goes on to the login of that request (POST /login, decision=another), else a
    link leads to the login."""

    template = "proof_done"
    purpose: Purpose
    request: str = field(repr=False, default="")
    over: bool = True


@dataclass(frozen=True, slots=True)
class ProofVoid(View):
    """A link that is spent, void or too old, and where another is to be had."""

    template = "proof_void"

    @property
    def status(self) -> int:
        return 403
