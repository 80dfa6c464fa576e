"""How others learn of revocations: introspection, feed, status lists."""
