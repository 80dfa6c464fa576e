"""uvicorn fastapi_app:app   (ISSUER, AUDIENCE, CLIENT_ID, CLIENT_SECRET and EXTERNAL_URL in the environment)"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI

from authsvc_verifier import Claims, Verifier
from authsvc_verifier.starlette import Guard

verifier = Verifier(
    os.environ.get("ISSUER", "http://localhost:8000"),
    os.environ.get("AUDIENCE", "https://orders.example.com"),  # what tokens call this service: nobody else's name
    feed=True,
    client_id=os.environ.get("CLIENT_ID", "backend"),
    client_secret=os.environ.get("CLIENT_SECRET", "backend-secret"),
)
# Where callers find this service: only DPoP proofs need it, and the header Host is no place to learn it from.
guard = Guard(verifier, external_url=os.environ.get("EXTERNAL_URL", ""))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with verifier:  # so that the first request does not wait; without it, the verifier starts with that
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/me")
async def me(claims: Annotated[Claims, Depends(guard())]) -> dict[str, str]:
    return {"sub": claims.sub}


@app.get("/orders")
async def orders(claims: Annotated[Claims, Depends(guard(scope="orders.read"))]) -> dict[str, str]:
    return {"orders_of": claims.sub}


@app.delete("/orders")
async def delete(claims: Annotated[Claims, Depends(guard(role="admin", max_age=300))]) -> dict[str, str]:
    return {"deleted_by": claims.sub}
