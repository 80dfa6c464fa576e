"""The life of signing keys in the database, and signing with them."""
