"""Clean-up."""
