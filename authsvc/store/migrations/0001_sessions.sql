-- The first schema: people, clients, sessions, grants, revocations, signing keys.
--
-- PostgreSQL is the only truth. Whatever ends a session, also an operator's plain UPDATE or DELETE, writes its
-- `revocations` row and ends its grants in the same statement: triggers see to it, so that no way can forget.

-- One row: what every worker reads twice a second to learn what changed elsewhere.
CREATE TABLE service_state (
    one                  boolean PRIMARY KEY DEFAULT true CHECK (one),
    instance             uuid NOT NULL DEFAULT gen_random_uuid(),
    revocation_epoch     bigint NOT NULL DEFAULT 1,
    keys_version         bigint NOT NULL DEFAULT 1,
    clients_version      bigint NOT NULL DEFAULT 1,
    -- Longest life of an access token that was ever configured, skew included: how long a revocation must be kept.
    longest_access_token interval NOT NULL DEFAULT interval '1 hour'
) WITH (fillfactor = 50);
INSERT INTO service_state DEFAULT VALUES;

CREATE TABLE users (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email          text NOT NULL UNIQUE CHECK (email <> ''),
    email_verified boolean NOT NULL DEFAULT false,
    password_hash  text,
    name           text NOT NULL DEFAULT '',
    roles          text[] NOT NULL DEFAULT '{}',
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    disabled_at    timestamptz
);

CREATE TABLE clients (
    id                    text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9._~-]{1,128}$'),
    name                  text NOT NULL,
    kind                  text NOT NULL CHECK (kind IN ('public', 'confidential')),
    secret_hashes         bytea[] NOT NULL DEFAULT '{}' CHECK (cardinality(secret_hashes) <= 2),
    redirect_uris         text[] NOT NULL DEFAULT '{}',
    grant_types           text[] NOT NULL DEFAULT '{}',
    scopes                text[] NOT NULL DEFAULT '{}',
    audiences             text[] NOT NULL DEFAULT '{}',
    jwks                  jsonb,
    first_party           boolean NOT NULL DEFAULT false,
    introspection         boolean NOT NULL DEFAULT false,
    required_role         text,
    remember_me_allowed   boolean NOT NULL DEFAULT true,
    access_token_seconds  integer CHECK (access_token_seconds BETWEEN 10 AND 86400),
    session_seconds       integer CHECK (session_seconds > 0),
    remember_me_seconds   integer CHECK (remember_me_seconds > 0),
    refresh_grace_seconds integer CHECK (refresh_grace_seconds BETWEEN 0 AND 300),
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    CHECK (kind = 'confidential' OR (secret_hashes = '{}' AND jwks IS NULL AND NOT introspection))
);

CREATE TABLE user_sessions (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    device_info   text NOT NULL DEFAULT '',
    ip_address    inet,
    user_agent    text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    auth_time     timestamptz NOT NULL DEFAULT now(),
    amr           text[] NOT NULL DEFAULT '{pwd}',
    remember_me   boolean NOT NULL DEFAULT false,
    expires_at    timestamptz NOT NULL,
    is_active     boolean NOT NULL DEFAULT true,
    ended_at      timestamptz,
    end_reason    text,
    last_activity timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX user_sessions_of_user ON user_sessions (user_id);
CREATE INDEX user_sessions_expiry ON user_sessions (expires_at);

-- What a session gave to one client. Refreshes update the row in place (HOT): the table does not grow with them.
-- No column that the rotation reads may be NULL: NOT (false OR NULL) is NULL, and a CASE would fall through.
CREATE TABLE grants (
    id          uuid PRIMARY KEY,
    session_id  uuid NOT NULL REFERENCES user_sessions ON DELETE CASCADE,
    client_id   text NOT NULL REFERENCES clients ON DELETE CASCADE,
    scope       text[] NOT NULL,
    audience    text[] NOT NULL,
    secret_hash bytea NOT NULL,
    generation  bigint NOT NULL DEFAULT 0,
    parent      bigint NOT NULL DEFAULT -1,
    rotated_at  timestamptz NOT NULL DEFAULT now(),
    repeats     integer NOT NULL DEFAULT 0,
    verdict     text NOT NULL DEFAULT 'issued',
    expires_at  timestamptz NOT NULL,
    ended       boolean NOT NULL DEFAULT false,
    ended_at    timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX grants_of_session ON grants (session_id);
CREATE INDEX grants_of_client ON grants (client_id);

-- subject: session id | jti | "session id:client id" | user id | client id | kid.
-- session and token: void whenever issued. grant, user, client: void when issued at or before not_before.
CREATE TABLE revocations (
    sequence   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    kind       text NOT NULL CHECK (kind IN ('session', 'token', 'grant', 'user', 'client', 'key')),
    subject    text NOT NULL,
    not_before timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    reason     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX revocations_order ON revocations (xid);
CREATE INDEX revocations_subject ON revocations (kind, subject);
CREATE INDEX revocations_expiry ON revocations (expires_at);

CREATE TABLE signing_keys (
    kid          text PRIMARY KEY,
    alg          text NOT NULL,
    public_jwk   jsonb NOT NULL,
    sealed       bytea NOT NULL,
    announced_at timestamptz NOT NULL,
    signs_from   timestamptz NOT NULL,
    signs_until  timestamptz,
    drop_after   timestamptz,
    withdrawn_at timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (signs_until IS NULL OR drop_after > signs_until)
);

CREATE TABLE audit_events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    event      text NOT NULL,
    actor      text NOT NULL,
    user_id    uuid,
    client_id  text,
    session_id uuid,
    detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_events_at ON audit_events (at);

-- Replay cache of client assertions while Redis is away. Unlogged: an assertion outlives a crash by minutes at most.
CREATE UNLOGGED TABLE spent_assertions (
    digest     bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX spent_assertions_expiry ON spent_assertions (expires_at);

-- Ending ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION revoke(kind text, subject text, reason text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO revocations (kind, subject, expires_at, reason)
    SELECT kind, subject, now() + longest_access_token, reason FROM service_state
$$;

CREATE FUNCTION user_sessions_before_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.is_active AND NOT OLD.is_active THEN
        RAISE EXCEPTION 'session % has ended and stays ended', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.is_active AND NOT NEW.is_active THEN
        NEW.ended_at := coalesce(NEW.ended_at, now());
        NEW.end_reason := coalesce(NEW.end_reason, 'operator');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER before_end BEFORE UPDATE OF is_active ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION user_sessions_before_end();

CREATE FUNCTION user_sessions_after_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.is_active AND NOT NEW.is_active THEN
        PERFORM revoke('session', NEW.id::text, NEW.end_reason);
        -- The refresh locks a grant and reads only that: joined rows are not read again after a wait for the lock.
        UPDATE grants SET ended = true, ended_at = now() WHERE session_id = NEW.id AND NOT ended;
    END IF;
    IF OLD.expires_at <> NEW.expires_at THEN
        UPDATE grants SET expires_at = NEW.expires_at WHERE session_id = NEW.id AND NOT ended;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER after_end AFTER UPDATE OF is_active, expires_at ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION user_sessions_after_end();

CREATE FUNCTION user_sessions_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM revoke('session', OLD.id::text, 'deleted');
    RETURN NULL;
END $$;
-- A session that had expired gave its last access token before that: only a live one can leave tokens behind.
CREATE TRIGGER deleted AFTER DELETE ON user_sessions FOR EACH ROW
    WHEN (OLD.is_active AND OLD.expires_at > now()) EXECUTE FUNCTION user_sessions_deleted();

CREATE FUNCTION users_disabled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.disabled_at IS NOT NULL AND OLD.disabled_at IS NULL THEN
        UPDATE user_sessions SET is_active = false, end_reason = 'user_disabled'
        WHERE id IN (SELECT id FROM user_sessions WHERE user_id = NEW.id AND is_active ORDER BY id FOR UPDATE);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER disabled AFTER UPDATE OF disabled_at ON users
    FOR EACH ROW EXECUTE FUNCTION users_disabled();

CREATE FUNCTION clients_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Two seconds ahead: a worker may serve a client from its memory until it has read the change (1 s at most).
    INSERT INTO revocations (kind, subject, not_before, expires_at, reason)
    SELECT 'client', OLD.id, now() + interval '2 seconds', now() + longest_access_token, 'client_removed'
    FROM service_state;
    RETURN NULL;
END $$;
CREATE TRIGGER removed AFTER DELETE ON clients FOR EACH ROW EXECUTE FUNCTION clients_removed();

CREATE FUNCTION signing_keys_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.withdrawn_at IS NULL AND (OLD.drop_after IS NULL OR OLD.drop_after > now()) THEN
        RAISE EXCEPTION 'signing key % may still verify living tokens; withdraw it first', OLD.kid
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER keep BEFORE DELETE ON signing_keys FOR EACH ROW EXECUTE FUNCTION signing_keys_keep();

-- What changed ------------------------------------------------------------------------------------------------------

CREATE FUNCTION keys_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE service_state SET keys_version = keys_version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION keys_changed();

CREATE FUNCTION clients_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE service_state SET
        clients_version = clients_version + 1,
        longest_access_token = greatest(longest_access_token, (
            SELECT max(access_token_seconds) * interval '1 second' + interval '10 minutes' FROM clients));
    RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON clients
    FOR EACH STATEMENT EXECUTE FUNCTION clients_changed();
