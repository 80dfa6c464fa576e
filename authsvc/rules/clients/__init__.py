"""What a client may be (RFC 7591), whoever adds it."""
