-- Whether a client's authorization requests must be signed (RFC 9101 section 10.5), and what PKCE is to clients that
-- register with an initial access token. Only adds: authsvc of the previous version takes unsigned requests of such a
-- client, and demands PKCE of every client that registers with it.
ALTER TABLE clients ADD COLUMN require_signed_request_object boolean NOT NULL DEFAULT false;
ALTER TABLE registration_tokens
    ADD COLUMN pkce text NOT NULL DEFAULT 'required' CHECK (pkce IN ('required', 'nonce', 'optional'));
