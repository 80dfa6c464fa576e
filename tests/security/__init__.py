"""Attacks that must fail, one or more tests each, by the name of the attack.

test_tokens.py                 forged, altered and misused tokens, at the endpoints that take them
test_refresh_tokens.py         theft, replay, races, rollback
test_sessions.py               other people's sessions, session ids, cookies, caches
test_requests.py               what is in a request: parsers, hosts, line ends, sizes, reflection
test_limits.py                 guessing: counters, networks, known devices, the hash queue
test_passwords.py              passwords and their hashes
test_client_authentication.py  client secrets and assertions
test_exposure.py               what is public, what is secret, who may read answers, what is installed
"""
