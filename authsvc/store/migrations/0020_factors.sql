-- Second factors, and what a session and a grant know of them. Only adds: authsvc of the version before goes on, but
-- asks nobody for a second factor. So nobody should be able to set one up before every replica is of this version.

-- One authenticator app a person. Until its first code is confirmed it belongs to the session that began it, and is no
-- factor. last_step: of the newest code that was taken; each is taken once, by one UPDATE that only moves it forward.
CREATE TABLE one_time_codes (
    user_id      uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    id           uuid NOT NULL,
    sealed       bytea NOT NULL,
    begun_in     uuid,
    confirmed_at timestamptz,
    last_step    bigint NOT NULL DEFAULT -1,
    drift        integer NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    used_at      timestamptz,
    CHECK (confirmed_at IS NOT NULL OR begun_in IS NOT NULL)
);

CREATE TABLE recovery_codes (
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    digest     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, digest)
);

-- Raised when a factor is removed: a login that proved it waits for the person's row, and then finds another number.
ALTER TABLE users ADD COLUMN factor_generation integer NOT NULL DEFAULT 0;

-- What opened the session: `password`, `recovery_code`, or a kind and an id (`otp:…`).
ALTER TABLE user_sessions ADD COLUMN credentials text[] NOT NULL DEFAULT '{}';

-- Which contexts were asked for by name: the tokens of the grant name the first of them that the session reaches.
ALTER TABLE grants ADD COLUMN acr_values text[] NOT NULL DEFAULT '{}';

ALTER TABLE clients ADD COLUMN required_acr text;
