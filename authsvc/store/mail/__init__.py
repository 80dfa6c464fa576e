"""The mails that wait, and what became of them."""
