"""Grants, and the rotation of their refresh tokens."""
