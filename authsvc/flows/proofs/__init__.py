"""Proofs by mail: asked for, mailed, and spent in the transaction of what they allow."""
