"""Whether a database went backwards, and how far."""
