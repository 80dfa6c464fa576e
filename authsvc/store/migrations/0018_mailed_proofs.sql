-- What somebody proves who reads the mail of an address: that they may choose a new password, that the address is
-- theirs, and so on. Only adds: authsvc of the previous version neither writes nor reads any of it, and the trigger voids
-- what its changes of people make void.
--
-- A row begins as what was asked for (digest NULL): whoever asks waits for one INSERT, the same for known and unknown
-- addresses. The worker that writes the letter turns it into a proof, also where there is nobody to write to: then
-- nobody knows its secret, and its code is tried and counted like any other.
CREATE TABLE mailed_proofs (
    id          uuid PRIMARY KEY,
    purpose     text NOT NULL CHECK (purpose IN ('reset', 'verify', 'address_change', 'undo_address', 'invitation',
                                                 'registration', 'login', 'not_me')),
    email       text NOT NULL CHECK (email <> ''),  -- where the letter goes
    user_id     uuid REFERENCES users ON DELETE CASCADE,
    subject     text NOT NULL,  -- for whom one proof of this purpose is alive
    digest      bytea UNIQUE,
    code_digest bytea,
    code_tries  integer NOT NULL DEFAULT 0,
    detail      jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX mailed_proofs_alive ON mailed_proofs (purpose, subject) WHERE digest IS NOT NULL;
CREATE INDEX mailed_proofs_asked ON mailed_proofs (created_at) WHERE digest IS NULL;
CREATE INDEX mailed_proofs_of_user ON mailed_proofs (user_id);
CREATE INDEX mailed_proofs_expiry ON mailed_proofs (expires_at);

-- Whoever changes a person, also by an operator's plain UPDATE: proofs that were made for what the person was are void.
-- Those that only take power away (undo_address, not_me) stay, or a thief would void them with the first change.
CREATE FUNCTION users_void_proofs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM mailed_proofs
    WHERE (user_id = NEW.id OR (digest IS NULL AND email = OLD.email))
    AND (NEW.disabled_at IS NOT NULL OR purpose NOT IN ('undo_address', 'not_me'));
    RETURN NULL;
END $$;
CREATE TRIGGER void_proofs AFTER UPDATE OF password_hash, email, disabled_at ON users FOR EACH ROW
    WHEN (OLD.password_hash IS DISTINCT FROM NEW.password_hash OR OLD.email <> NEW.email
          OR (OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL))
    EXECUTE FUNCTION users_void_proofs();
