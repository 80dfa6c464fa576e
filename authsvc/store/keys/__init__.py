"""Rows of signing keys."""
