"""Promises of `authsvc.keys`. Pure: no server, no clock; real keys, but few of them (`made`)."""
