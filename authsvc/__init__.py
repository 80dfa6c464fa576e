"""authsvc: an OAuth 2 / OpenID Connect token service."""

__version__ = "0.1.0"
