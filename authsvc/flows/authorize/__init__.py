"""The authorization endpoint: the request, what it waits for, and its answer."""
