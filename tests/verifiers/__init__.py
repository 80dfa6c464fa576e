"""Services that verify our tokens, as README.md and the examples show it, before a real replica."""
