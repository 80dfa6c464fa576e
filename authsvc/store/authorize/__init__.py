"""Pushed requests, and authorization codes."""
