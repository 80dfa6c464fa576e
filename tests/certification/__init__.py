"""What modules of the OpenID Foundation's conformance suite found: their requests, as ordinary tests."""
