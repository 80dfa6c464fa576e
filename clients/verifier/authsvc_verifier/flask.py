"""For Flask: `@guard(scope="orders.read")` below the route; the claims are `flask.g.claims`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import flask

from authsvc_verifier.adapter import BaseGuard
from authsvc_verifier.errors import VerifierError
from authsvc_verifier.require import Requirement
from authsvc_verifier.sync import SyncVerifier
from authsvc_verifier.wsgi import authenticate

View = Callable[..., Any]


class Guard(BaseGuard[SyncVerifier, Callable[[View], View]]):
    """See `BaseGuard`."""

    def _guarding(self, need: Requirement) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            @wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                try:
                    flask.g.claims = authenticate(
                        self.verifier, flask.request.environ, need, self.external_url, self.certificate
                    )
                except VerifierError as refused:
                    error = self.led(refused, need)
                    return flask.make_response(flask.jsonify(error.body), error.status, error.headers)
                return flask.current_app.ensure_sync(view)(*args, **kwargs)

            return guarded

        return decorate
