-- One session must not fill the revocation feed. Only adds: authsvc of the previous version keeps running beside it (and
-- counts nothing).

-- Whose access token an entry `token` voids, where it is a session's: "session id:client id", the subject of the entry
-- `grant` that voids all of them.
ALTER TABLE revocations ADD COLUMN holder text;
CREATE INDEX revocations_holder ON revocations (holder) WHERE holder IS NOT NULL;

-- A client that ends what it has from a session, again and again within a second, is told of once: the entry voids what
-- was issued in its second already. (As in 0001 otherwise.)
CREATE OR REPLACE FUNCTION revoke(kind text, subject text, reason text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO revocations (kind, subject, expires_at, reason)
    SELECT kind, subject, now() + longest_access_token, reason FROM service_state
    WHERE revoke.kind <> 'grant' OR NOT EXISTS (
        SELECT FROM revocations r WHERE r.kind = 'grant' AND r.subject = revoke.subject
        AND r.not_before >= date_trunc('second', now()) AND r.expires_at > now())
$$;
