"""How far the database has come, as it says itself, as Redis and this replica's disk remember it."""
