"""Proofs that were mailed, and what was asked for and is not mailed yet."""
