"""Clients, replay caches, and counters of failed attempts."""
