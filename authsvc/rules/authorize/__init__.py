"""The authorization request, from its parameters to a code."""
