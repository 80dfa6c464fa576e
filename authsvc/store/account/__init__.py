"""People, and what they see and end of their own account."""
