"""Who calls: how a client says who it is, and what a DPoP proof must say."""
