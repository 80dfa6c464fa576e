"""flask --app flask_app run   (ISSUER, AUDIENCE, CLIENT_ID, CLIENT_SECRET and EXTERNAL_URL in the environment)"""

import os

import flask

from authsvc_verifier import SyncVerifier
from authsvc_verifier.flask import Guard

verifier = SyncVerifier(
    os.environ.get("ISSUER", "http://localhost:8000"),
    os.environ.get("AUDIENCE", "https://orders.example.com"),  # what tokens call this service: nobody else's name
    feed=True,
    client_id=os.environ.get("CLIENT_ID", "backend"),
    client_secret=os.environ.get("CLIENT_SECRET", "backend-secret"),
)
# Where callers find this service: only DPoP proofs need it, and the header Host is no place to learn it from.
guard = Guard(verifier, external_url=os.environ.get("EXTERNAL_URL", ""))
app = flask.Flask(__name__)


@app.get("/me")
@guard()
def me() -> dict[str, str]:
    return {"sub": flask.g.claims.sub}


@app.get("/orders")
@guard(scope="orders.read")
def orders() -> dict[str, str]:
    return {"orders_of": flask.g.claims.sub}


@app.delete("/orders")
@guard(role="admin", max_age=300)
def delete() -> dict[str, str]:
    return {"deleted_by": flask.g.claims.sub}
