"""Pages beside the account page."""

from __future__ import annotations

from authsvc.flows.account.own_events import History
from authsvc.records import frozen
from authsvc.web.pages.views import View


@frozen
class OwnEvents(View):
    """What happened to an account, twenty at a time; earlier ones are at /account/events?before=."""

    template = "own_events"
    found: History


@frozen
class OwnProfile(View):
    """Posts name, language ('' for that of the browser), csrf to /account/profile."""

    template = "own_profile"
    account: str
    name: str
    locale: str


@frozen
class DeleteAccount(View):
    """Whether to delete the account. Posts csrf to /account/delete."""

    template = "delete_account"
    account: str


@frozen
class AccountDeleted(View):
    """The account is gone."""

    template = "account_deleted"
