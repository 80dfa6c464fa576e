"""The device grant (RFC 8628)."""
