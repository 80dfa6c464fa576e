"""JOSE for everybody's keys: ours, those of clients, and the key inside a DPoP proof.

Law: imports only the standard library, PyJWT, cryptography and `authsvc_jws` (the strict reading that the verifier
shares). No I/O, no clock, no await: `now` comes in as an argument. It knows no life of a key (`keys`) and no rule of
OAuth (`rules`): a signature is judged, its meaning is not.

    names              what algorithms are called, apart so that naming one loads nothing
    algorithms         which algorithms a key may sign with, and which key fits which
    jwk                a key's public form and its kid (RFC 7517, RFC 7638); the document that is served
    verify             one of our own tokens -> claims we trust, or the reason why not
    proof              a DPoP proof (RFC 9449)
    certificates       X.509 certificates in files (RFC 7468): when they end
    client_certificates  of TLS clients (RFC 8705): who issued one, and whom it names
    client_jwks        keys of clients: judged before use; when their `jwks_uri` is asked again
    client_signatures  private_key_jwt (RFC 7523), a signed authorization request (RFC 9101)
"""
