"""How a revocation is shown to those who verify tokens themselves."""
