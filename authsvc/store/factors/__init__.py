"""Second factors of people: what they have, and each use of it decided by one statement."""
