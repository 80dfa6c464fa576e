"""Development: real servers and certificates, made on the spot.

Law: only `authsvc dev`, scripts/demo and the tests import this package. The service itself never starts a database,
never makes a certificate, and runs where the wheels used here are not installed.
"""
