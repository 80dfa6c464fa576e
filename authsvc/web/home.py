"""GET /: where people land who type in nothing but the host."""

from __future__ import annotations

from authsvc.web.http.errors import NotFound
from authsvc.web.http.reply import Reply
from authsvc.web.http.request import Request
from authsvc.web.pages.authorization_answer import see
from authsvc.web.pages.errors import wants_page


async def home(request: Request) -> Reply:
    """The person's account. For programs there is nothing here. Raises NotFound."""
    if not wants_page(request):
        raise NotFound
    return see("/account")
