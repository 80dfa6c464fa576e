"""What tokens say and when they are given: access, ID and refresh tokens, rotation, exchange."""
