"""Proofs by mail."""
