"""authsvc: an OAuth 2 / OpenID Connect token service."""

__version__ = "0.2.0"
