"""Revocations in PostgreSQL and Redis, the feed, status lists."""
