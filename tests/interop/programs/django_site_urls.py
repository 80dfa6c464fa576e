"""Addresses of the site: the program's own, and the page that says who is logged in."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.http import HttpRequest, JsonResponse
from django.urls import include, path


def who(request: HttpRequest) -> JsonResponse:
    person: Any = request.user
    if not person.is_authenticated:
        return JsonResponse({}, status=401)
    return JsonResponse({"username": person.get_username(), "email": person.email, "uid": _uid(person)})


def _uid(person: Any) -> str:
    if apps.is_installed("social_django"):
        return str(person.social_auth.get().uid)
    return str(person.socialaccount_set.get().uid)


urlpatterns = [path("who", who)]
if apps.is_installed("social_django"):
    urlpatterns.append(path("", include("social_django.urls", namespace="social")))
else:
    urlpatterns.append(path("accounts/", include("allauth.urls")))
