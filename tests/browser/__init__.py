"""The pages in a real browser: what they look like, and what they are not allowed to do."""
