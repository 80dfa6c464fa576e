"""Ways to end a session or a grant, and telling the receivers."""
