"""Log-out: what a client may ask, and what receivers are told."""
