"""Proofs by mail: what a secret or a code that was mailed is good for, how long, and who is written to."""
