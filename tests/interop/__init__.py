"""Clients that nobody here wrote, unmodified and at their strictest, log people in and out over TLS."""
