"""Answers of the release before policies of clients, and what this version answers to the same requests."""
