"""Sight: what operators are shown of a worker from outside of its requests."""
