"""Requests of devices (RFC 8628)."""
