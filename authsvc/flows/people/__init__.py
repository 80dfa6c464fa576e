"""What several flows want to know of what a person chooses."""
