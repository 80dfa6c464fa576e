"""The pages of second factors on the account."""

from __future__ import annotations

from dataclasses import field
from io import BytesIO

from markupsafe import Markup

from authsvc.flows.account.factors import Factors
from authsvc.flows.account.result_message import ResultMessage
from authsvc.records import frozen
from authsvc.web.pages.views import View


@frozen
class AccountFactors(View):
    """What a person has. Below /account/factors, /otp posts nothing, /otp/confirm posts code, /otp/remove and
    /recovery-codes post nothing; each with csrf."""

    template = "account_factors"
    found: Factors
    notice: ResultMessage | None = None

    @property
    def picture(self) -> Markup:
        """The QR code of the app that is being set up; "" where none is."""
        return qr_code(self.found.setting_up.address) if self.found.setting_up else Markup("")


@frozen
class RecoveryCodes(View):
    """The codes, this once. `added`: a factor was set up just now."""

    template = "recovery_codes"
    codes: tuple[str, ...] = field(repr=False)
    added: bool = False


def qr_code(text: str) -> Markup:
    """A QR code as an SVG element, black on white whatever the page's colours are: no style, no script, no file."""
    import segno  # 4 MB of a worker, for who sets up an app

    drawn = BytesIO()
    look = {"dark": "#000", "light": "#fff", "svgclass": "qr", "lineclass": None, "omitsize": True}
    segno.make(text, micro=False, error="m").save(drawn, kind="svg", xmldecl=False, svgns=False, nl=False, **look)
    return Markup(drawn.getvalue().decode("ascii"))  # noqa: S704 - made of nothing but numbers
