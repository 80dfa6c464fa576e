"""Promises of `authsvc.keyring`. Pure: no server, no clock; real keys, but few of them (`made`)."""
