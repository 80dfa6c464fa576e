-- What a client's tokens are signed with. Only adds: authsvc of the previous version keeps running beside it (and signs
-- with RS256, so choose another algorithm when no replica of it is left).
ALTER TABLE clients
    ADD COLUMN id_token_signed_response_alg text NOT NULL DEFAULT 'RS256',
    ADD COLUMN access_token_signed_response_alg text NOT NULL DEFAULT 'RS256';
