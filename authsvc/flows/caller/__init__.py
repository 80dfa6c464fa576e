"""Who calls: client authentication, bearer tokens, proof of possession; and whether a token was revoked."""
