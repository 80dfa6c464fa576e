-- What a pairwise client's tokens call a session: a name (`sid`) that only clients of its sector share. Only adds: authsvc
-- of the previous version keeps running beside it, and calls every session by its id.
--
-- NULL: by the session's id, as in every grant before this. Written when a grant is made, and never changed: the tokens of
-- a grant bear one name. Not indexed: who has a name reads the session from it (rules/token/session_name.py).
ALTER TABLE grants ADD COLUMN session_name text;
-- By which name a client is told of the end.
ALTER TABLE outbox ADD COLUMN session_name text;

-- All names of these sessions. VOLATILE: it sees what was committed while the statement that calls it waited for its locks.
CREATE FUNCTION session_names(sessions uuid[]) RETURNS text[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(DISTINCT session_name), '{}') FROM grants
    WHERE session_id = ANY (sessions) AND session_name IS NOT NULL
$$;

-- The end of a session or a grant is an entry by its id, as in 0011, and one by each name. Here and not where it is called,
-- so that authsvc of the previous version and an operator's plain statement void the tokens under each name. `|| ''`: by
-- the index of the session, however many grants the client has of everybody.
CREATE OR REPLACE FUNCTION revoke(kind text, subject text, reason text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO revocations (kind, subject, expires_at, reason)
    SELECT kind, subject, now() + longest_access_token, reason FROM service_state
    WHERE revoke.kind <> 'grant' OR NOT EXISTS (
        SELECT FROM revocations r WHERE r.kind = 'grant' AND r.subject = revoke.subject
        AND r.not_before >= date_trunc('second', now()) AND r.expires_at > now());

    INSERT INTO revocations (kind, subject, expires_at, reason)
    SELECT DISTINCT kind, CASE kind WHEN 'grant' THEN g.session_name || ':' || g.client_id ELSE g.session_name END,
           now() + longest_access_token, reason
    FROM service_state, grants g
    WHERE g.session_id = CASE WHEN kind IN ('session', 'grant') THEN split_part(revoke.subject, ':', 1)::uuid END
    AND g.session_name IS NOT NULL AND (kind = 'session' OR g.client_id || '' = split_part(revoke.subject, ':', 2))
    AND NOT EXISTS (
        SELECT FROM revocations r WHERE r.kind = 'grant' AND r.subject = g.session_name || ':' || g.client_id
        AND r.not_before >= date_trunc('second', now()) AND r.expires_at > now() AND revoke.kind = 'grant' LIMIT 1)
$$;

-- As in 0002 otherwise: a client that knows the session by two names is told of both.
CREATE OR REPLACE FUNCTION tell_clients(session user_sessions) RETURNS void LANGUAGE sql AS $$
    INSERT INTO outbox (kind, client_id, user_id, session_id, session_name)
    SELECT DISTINCT 'backchannel_logout', c.id, session.user_id, session.id, g.session_name
    FROM grants g JOIN clients c ON c.id = g.client_id
    WHERE g.session_id = session.id AND g.code_state NOT IN ('issued', 'burnt') AND c.backchannel_logout_uri IS NOT NULL
$$;

-- A deleted session's id is revoked afterwards (`user_sessions_deleted`), as before; its names here: afterwards its grants
-- are gone, and the names with them.
CREATE OR REPLACE FUNCTION user_sessions_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_clients(OLD);
    IF TG_OP = 'DELETE' THEN
        INSERT INTO revocations (kind, subject, expires_at, reason)
        SELECT 'session', unnest(session_names(ARRAY[OLD.id])), now() + longest_access_token, 'deleted'
        FROM service_state;
    END IF;
    RETURN OLD;
END $$;

-- As in 0015 otherwise.
CREATE OR REPLACE FUNCTION end_sessions(ids uuid[], why text) RETURNS uuid[] LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('authsvc.batch', 'on', true);
    INSERT INTO outbox (kind, client_id, user_id, session_id, session_name)
    SELECT DISTINCT 'backchannel_logout', c.id, s.user_id, s.id, g.session_name
    FROM user_sessions s JOIN grants g ON g.session_id = s.id JOIN clients c ON c.id = g.client_id
    WHERE s.id = ANY (ids) AND s.is_active AND s.expires_at > now() AND g.code_state NOT IN ('issued', 'burnt')
    AND c.backchannel_logout_uri IS NOT NULL;
    WITH living AS (SELECT id FROM user_sessions WHERE id = ANY (ids) AND is_active)
    INSERT INTO revocations (kind, subject, expires_at, reason)
    SELECT 'session', named.subject, now() + longest_access_token, why
    FROM service_state, (SELECT id::text AS subject FROM living
                         UNION ALL SELECT unnest(session_names(ARRAY(SELECT id FROM living)))) AS named;
    UPDATE user_sessions SET is_active = false, end_reason = why WHERE id = ANY (ids) AND is_active;
    UPDATE grants SET ended = true, ended_at = now() WHERE session_id = ANY (ids) AND NOT ended;
    PERFORM set_config('authsvc.batch', '', true);
    RETURN ids;
END $$;
