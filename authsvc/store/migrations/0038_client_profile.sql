-- The profile of OAuth that a client keeps to: fapi2, or none. Only adds: authsvc of the previous version knows no profile,
-- and asks of such a client what its own policies ask.
ALTER TABLE clients
    ADD COLUMN profile text NOT NULL DEFAULT 'none' CHECK (profile IN ('none', 'fapi2'));
