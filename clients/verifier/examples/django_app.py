"""python django_app.py runserver   (ISSUER, AUDIENCE, CLIENT_ID, CLIENT_SECRET and EXTERNAL_URL in the environment)"""

import os
import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

settings.configure(
    ROOT_URLCONF=__name__, ALLOWED_HOSTS=["localhost", "127.0.0.1", "testserver"], SECRET_KEY=os.urandom(32).hex()
)
django.setup()

from authsvc_verifier import SyncVerifier  # noqa: E402
from authsvc_verifier.django import Guard  # noqa: E402

verifier = SyncVerifier(
    os.environ.get("ISSUER", "http://localhost:8000"),
    os.environ.get("AUDIENCE", "https://orders.example.com"),  # what tokens call this service: nobody else's name
    feed=True,
    client_id=os.environ.get("CLIENT_ID", "backend"),
    client_secret=os.environ.get("CLIENT_SECRET", "backend-secret"),
)
# Where callers find this service: only DPoP proofs need it, and the header Host is no place to learn it from.
guard = Guard(verifier, external_url=os.environ.get("EXTERNAL_URL", ""))


@guard()
def me(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"sub": request.claims.sub})


def orders(request: HttpRequest) -> JsonResponse:
    return delete(request) if request.method == "DELETE" else show(request)


@guard(scope="orders.read")
def show(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"orders_of": request.claims.sub})


@guard(role="admin", max_age=300)
def delete(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"deleted_by": request.claims.sub})


@guard()
async def me_async(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"sub": request.claims.sub})


urlpatterns = [path("me", me), path("me-async", me_async), path("orders", orders)]
app = get_wsgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
