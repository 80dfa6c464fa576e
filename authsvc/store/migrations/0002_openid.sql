-- The OpenID provider: browser sessions, authorization codes, consents, pushed requests, devices, back-channel logout.
-- Only adds: authsvc of the previous version keeps running beside it.

ALTER TABLE clients
    ADD COLUMN application_type text NOT NULL DEFAULT 'web' CHECK (application_type IN ('web', 'native')),
    ADD COLUMN post_logout_redirect_uris text[] NOT NULL DEFAULT '{}',
    ADD COLUMN backchannel_logout_uri text,
    ADD COLUMN subject_type text NOT NULL DEFAULT 'public' CHECK (subject_type IN ('public', 'pairwise')),
    -- The host that pairwise subjects are made for: clients of one sector know a person by the same subject.
    ADD COLUMN sector text NOT NULL DEFAULT '',
    ADD COLUMN require_pushed_authorization_requests boolean NOT NULL DEFAULT false,
    ADD COLUMN dpop_bound_access_tokens boolean NOT NULL DEFAULT false,
    -- Audiences that this client may ask for by token exchange; none: it may not exchange.
    ADD COLUMN exchange_audiences text[] NOT NULL DEFAULT '{}',
    -- By which names, beside its id, it stands in the audience of tokens that are sent to it: those it may exchange.
    ADD COLUMN exchange_subjects text[] NOT NULL DEFAULT '{}',
    ADD COLUMN jwks_uri text,
    ADD COLUMN client_uri text,
    ADD COLUMN policy_uri text,
    ADD COLUMN tos_uri text,
    -- How the client said that it proves itself (RFC 7591); NULL: by whatever it has.
    ADD COLUMN token_endpoint_auth_method text,
    -- Digest of the token that reads and changes the registration (RFC 7592); NULL: the operator's client.
    ADD COLUMN registration_hash bytea;

-- What pairwise subjects are made with: 244 random bits that outlive every master key. Never change it.
ALTER TABLE service_state
    ADD COLUMN subject_salt bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());

-- The browser's cookie is a random value of which only the digest is kept; it changes at every authentication.
ALTER TABLE user_sessions ADD COLUMN cookie_hash bytea;
CREATE UNIQUE INDEX user_sessions_cookie ON user_sessions (cookie_hash) WHERE cookie_hash IS NOT NULL;

-- An authorization code is the first state of a grant. Until it is redeemed nothing can be refreshed: secret_hash is
-- then the digest of the code's secret, and code_state says that it is a code's.
-- dpop_jkt: thumbprint of the key that the grant is bound to (RFC 9449), '' for none; never NULL (see 0001).
ALTER TABLE grants
    ADD COLUMN code_state text NOT NULL DEFAULT 'none' CHECK (code_state IN ('none', 'issued', 'redeemed', 'burnt')),
    ADD COLUMN code_hash bytea,
    ADD COLUMN code_expires_at timestamptz,
    ADD COLUMN code_redirect_uri text,
    ADD COLUMN code_challenge text,
    ADD COLUMN code_nonce text,
    ADD COLUMN code_claims jsonb,
    ADD COLUMN dpop_jkt text NOT NULL DEFAULT '';
CREATE INDEX grants_unredeemed ON grants (code_expires_at) WHERE code_state IN ('issued', 'burnt');

-- A grant may end before its session, where a client lets logins stand for a shorter time: then a longer session does
-- not prolong it. (As in 0001 otherwise.)
CREATE OR REPLACE FUNCTION user_sessions_after_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.is_active AND NOT NEW.is_active THEN
        PERFORM revoke('session', NEW.id::text, NEW.end_reason);
        UPDATE grants SET ended = true, ended_at = now() WHERE session_id = NEW.id AND NOT ended;
    END IF;
    IF OLD.expires_at <> NEW.expires_at THEN
        UPDATE grants SET expires_at = CASE WHEN expires_at = OLD.expires_at THEN NEW.expires_at
                                            ELSE least(expires_at, NEW.expires_at) END
        WHERE session_id = NEW.id AND NOT ended;
    END IF;
    RETURN NULL;
END $$;

CREATE TABLE consents (
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    client_id  text NOT NULL REFERENCES clients ON DELETE CASCADE,
    scope      text[] NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, client_id)
);

-- RFC 9126. The request URI is a reference with 256 random bits, of which only the digest is kept.
CREATE TABLE pushed_requests (
    digest     bytea PRIMARY KEY,
    client_id  text NOT NULL REFERENCES clients ON DELETE CASCADE,
    parameters jsonb NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX pushed_requests_expiry ON pushed_requests (expires_at);

-- RFC 8628. Only digests of both codes are kept (the user code's under a key: it is short). One row for each request;
-- polls update it in place. No column that the poll reads may be NULL (see grants).
CREATE TABLE device_requests (
    id             uuid PRIMARY KEY,
    client_id      text NOT NULL REFERENCES clients ON DELETE CASCADE,
    device_hash    bytea NOT NULL,
    user_hash      bytea NOT NULL UNIQUE,
    scope          text[] NOT NULL,
    audience       text[] NOT NULL,
    dpop_jkt       text NOT NULL DEFAULT '',
    state          text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'allowed', 'denied', 'redeemed')),
    verdict        text NOT NULL DEFAULT 'pending',
    -- Who allowed it, and in which session of a browser: tokens are given only while that one lives.
    user_id        uuid REFERENCES users ON DELETE CASCADE,
    allowed_in     uuid,
    device_info    text NOT NULL DEFAULT '',
    ip_address     inet,
    user_agent     text,
    interval_seconds integer NOT NULL,
    polled_at      timestamptz NOT NULL DEFAULT '-infinity',
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX device_requests_expiry ON device_requests (expires_at);

-- What must be told to others, at least once: written by the statement that makes it true, sent afterwards.
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('backchannel_logout')),
    client_id  text NOT NULL,  -- no reference: ending a session must not wait for, or fail over, a change of a client
    user_id    uuid NOT NULL,
    session_id uuid NOT NULL,
    attempts   integer NOT NULL DEFAULT 0,
    next_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL DEFAULT now() + interval '1 day',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_due ON outbox (next_at);
CREATE INDEX outbox_of_client ON outbox (client_id, next_at);

-- Back-channel logout: whoever ends a session, its clients are told. Clients that got something from it: those whose
-- code was not redeemed got nothing. A session that had expired before has nothing to be told of.
CREATE FUNCTION tell_clients(session user_sessions) RETURNS void LANGUAGE sql AS $$
    INSERT INTO outbox (kind, client_id, user_id, session_id)
    SELECT DISTINCT 'backchannel_logout', c.id, session.user_id, session.id
    FROM grants g JOIN clients c ON c.id = g.client_id
    WHERE g.session_id = session.id AND g.code_state NOT IN ('issued', 'burnt') AND c.backchannel_logout_uri IS NOT NULL
$$;

CREATE FUNCTION user_sessions_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_clients(OLD);
    RETURN OLD;
END $$;
CREATE TRIGGER tell_of_end AFTER UPDATE OF is_active, expires_at ON user_sessions FOR EACH ROW
    WHEN (OLD.is_active AND OLD.expires_at > now() AND NOT (NEW.is_active AND NEW.expires_at > now()))
    EXECUTE FUNCTION user_sessions_tell();
-- Before: afterwards its grants are gone.
CREATE TRIGGER tell_of_deletion BEFORE DELETE ON user_sessions FOR EACH ROW
    WHEN (OLD.is_active AND OLD.expires_at > now()) EXECUTE FUNCTION user_sessions_tell();

-- RFC 7591 section 3: initial access tokens.
CREATE TABLE registration_tokens (
    digest     bytea PRIMARY KEY,
    note       text NOT NULL DEFAULT '',
    uses_left  integer NOT NULL CHECK (uses_left >= 0),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
