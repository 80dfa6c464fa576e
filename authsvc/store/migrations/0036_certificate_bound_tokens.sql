-- Whether a client's tokens are bound to its certificate (RFC 8705 section 3). Only adds: authsvc of the previous version
-- binds none, and takes a refresh token that is bound so for one of a DPoP key that nobody has.
ALTER TABLE clients
    ADD COLUMN tls_client_certificate_bound_access_tokens boolean NOT NULL DEFAULT false;
