-- From when on a client's tokens are void that end with a grant, a consent or the client. Until now: from the moment at which
-- the statement began. It may wait then for locks, while the client refreshes: that token was issued later, and lived on.
-- Only replaces functions: authsvc of the previous version keeps running beside it, and what it ends is void likewise.

-- As in 0021; `since`: a moment at which the grants are locked already.
CREATE FUNCTION revoke_since(kind text, subject text, reason text, since timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO revocations (kind, subject, not_before, expires_at, reason)
    SELECT kind, subject, since, now() + longest_access_token, reason FROM service_state
    WHERE revoke_since.kind <> 'grant' OR NOT EXISTS (
        SELECT FROM revocations r WHERE r.kind = 'grant' AND r.subject = revoke_since.subject
        AND r.not_before >= date_trunc('second', since) AND r.expires_at > now());

    INSERT INTO revocations (kind, subject, not_before, expires_at, reason)
    SELECT DISTINCT kind, CASE kind WHEN 'grant' THEN g.session_name || ':' || g.client_id ELSE g.session_name END,
           since, now() + longest_access_token, reason
    FROM service_state, grants g
    WHERE g.session_id = CASE WHEN kind IN ('session', 'grant') THEN split_part(revoke_since.subject, ':', 1)::uuid END
    AND g.session_name IS NOT NULL
    AND (kind = 'session' OR g.client_id || '' = split_part(revoke_since.subject, ':', 2))
    AND NOT EXISTS (
        SELECT FROM revocations r WHERE r.kind = 'grant' AND r.subject = g.session_name || ':' || g.client_id
        AND r.not_before >= date_trunc('second', since) AND r.expires_at > now() AND revoke_since.kind = 'grant' LIMIT 1)
$$;

CREATE OR REPLACE FUNCTION revoke(kind text, subject text, reason text) RETURNS void LANGUAGE sql AS $$
    SELECT revoke_since(kind, subject, reason, clock_timestamp())
$$;

-- Two seconds ahead, as in 0001, of the moment at which it is gone.
CREATE OR REPLACE FUNCTION clients_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revocations (kind, subject, not_before, expires_at, reason)
    SELECT 'client', OLD.id, clock_timestamp() + interval '2 seconds', now() + longest_access_token, 'client_removed'
    FROM service_state;
    RETURN NULL;
END $$;
