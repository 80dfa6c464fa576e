"""Who may try a password, and how often."""
