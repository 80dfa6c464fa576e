-- Of which type (typ, RFC 9068 section 2.1) a client's access tokens are. Only adds: authsvc of the previous version signs
-- at+jwt for everybody, and takes no token of the type JWT.
ALTER TABLE clients
    ADD COLUMN access_token_typ text NOT NULL DEFAULT 'at+jwt' CHECK (access_token_typ IN ('at+jwt', 'JWT'));
