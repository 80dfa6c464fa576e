-- For whom a client's assertions (private_key_jwt) may be, and how long they may live. Only adds: authsvc of the previous
-- version takes those alone that the defaults mean.
ALTER TABLE clients
    ADD COLUMN assertion_audience text NOT NULL DEFAULT 'issuer' CHECK (assertion_audience IN ('issuer', 'token-endpoint')),
    ADD COLUMN assertion_seconds integer;
