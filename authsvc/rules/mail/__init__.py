"""Mails to people: what they say, how they look, and what an answer of the mail server means. No I/O."""
