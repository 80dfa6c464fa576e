"""What modules of the OpenID Foundation's conformance suite found: their requests, as ordinary tests.

docs/certification.md says how the suite itself is run.
"""
