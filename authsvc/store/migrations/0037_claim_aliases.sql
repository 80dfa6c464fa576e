-- Whether a client is told preferred_username beside email and groups beside roles. Only adds: authsvc of the previous
-- version tells nobody of them.
ALTER TABLE clients ADD COLUMN claim_aliases boolean NOT NULL DEFAULT false;
