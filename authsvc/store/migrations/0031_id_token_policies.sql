-- What a client's ID tokens say and how long they live, and whether a refresh brings one. Only adds: authsvc of the
-- previous version gives every client the ID tokens that these defaults mean.
ALTER TABLE clients
    ADD COLUMN id_token_claims boolean NOT NULL DEFAULT false,
    ADD COLUMN id_token_on_refresh boolean NOT NULL DEFAULT false,
    ADD COLUMN id_token_seconds integer;
