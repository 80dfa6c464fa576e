-- Passkeys: credential records of WebAuthn (Level 3 section 4). A credential is one person's, whoever registers it again.
-- Only adds: authsvc of the previous version knows nobody by them.
CREATE TABLE passkeys (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    credential_id   bytea NOT NULL UNIQUE CHECK (octet_length(credential_id) BETWEEN 1 AND 1023),
    public_key      bytea NOT NULL,
    sign_count      bigint NOT NULL,
    backup_eligible boolean NOT NULL,
    backed_up       boolean NOT NULL,
    aaguid          uuid NOT NULL,
    transports      text[] NOT NULL DEFAULT '{}',
    rp_id           text NOT NULL,
    name            text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_used_at    timestamptz
);
CREATE INDEX passkeys_of_user ON passkeys (user_id);

-- Challenges that were answered right. Logged, other than spent_assertions: no crash makes one good again.
CREATE TABLE spent_challenges (
    digest     bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX spent_challenges_expiry ON spent_challenges (expires_at);
