"""Mails to people: queued with what they tell, and sent afterwards; never in a request."""
