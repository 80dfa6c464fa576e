"""For Flask: `@guard(scope="orders.read")` below the route; the claims are `flask.g.claims`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import flask

from authsvc_verifier.errors import VerifierError
from authsvc_verifier.require import Stale, require
from authsvc_verifier.sync import SyncVerifier
from authsvc_verifier.wsgi import authenticate

View = Callable[..., Any]


class Guard:
    """`external_url`: scheme and host under which callers know us, where a proxy changes them."""

    def __init__(self, verifier: SyncVerifier, *, external_url: str = "") -> None:
        self.verifier = verifier
        self.external_url = external_url

    def __call__(
        self,
        scope: str | Iterable[str] = (),
        role: str | Iterable[str] = (),
        max_age: int | None = None,
        acr: str | Iterable[str] = (),
        stale: Stale | None = None,
    ) -> Callable[[View], View]:
        need = require(scope, role, max_age, acr, stale)

        def decorate(view: View) -> View:
            @wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                try:
                    flask.g.claims = authenticate(self.verifier, flask.request.environ, need, self.external_url)
                except VerifierError as error:
                    return flask.make_response(flask.jsonify(error.body), error.status, error.headers)
                return flask.current_app.ensure_sync(view)(*args, **kwargs)

            return guarded

        return decorate
