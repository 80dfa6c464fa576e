"""The life of our own signing keys, and what they do.

Imports only `jose`, the standard library and cryptography. No I/O, no clock; only a signer is awaited. Rows, `now` and
random bytes come in as arguments (only the making of a new key draws on OpenSSL's own generator). It owns no table and
no route: `store` keeps the rows, flows apply the plans, `web` serves the bytes.

    records       a signing key, and what a replica serves by, as the store knows them
    master        the master key file, and keys derived from it
    seal          a private key at rest, and a small value that a browser carries for us (AES-GCM)
    phases        what a key may do at an instant: announced -> signing -> retired -> dropped, or withdrawn
    policy        keys/policy.toml: how long each step takes, and the least that is needed
    settings_in_force   what replicas serve by, and the strictest of it and of our own
    plans         verdicts that change those instants: generate, rotate, withdraw, and what is due by itself
    forecast      what will happen when: steps by a virtual clock
    reseal        signing keys under a new master key
    signers       what holds a private key, and signs
    ring          the keys of one process: JWKS bytes, sign, verify
    simulation    a virtual world in which the judges above prove themselves
"""
