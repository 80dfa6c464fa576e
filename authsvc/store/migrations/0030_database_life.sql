-- How far this database has come, so that one that went backwards (a backup that was restored) is noticed by whoever saw
-- it further on. Only adds: authsvc of the previous version keeps running beside it, and gives no beats.
--
-- beat: when a replica last found all in order, some seconds old at most while one runs. database: which one that was
-- (`feed_database`). resumed: the last beat of the database before, from which this one went on.
-- fence: when an operator last decided about a database that went backwards (microseconds since 1970); what was seen
-- under a lower number is over. suspected_at: nobody serves from this database until the operator has decided.
CREATE TABLE database_life (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    database     text NOT NULL DEFAULT '',
    beat         timestamptz NOT NULL DEFAULT clock_timestamp(),
    resumed      timestamptz NOT NULL DEFAULT clock_timestamp(),
    fence        bigint NOT NULL DEFAULT 0,
    suspected_at timestamptz,
    suspected_of jsonb
) WITH (fillfactor = 50);
INSERT INTO database_life DEFAULT VALUES;

-- How far the write-ahead log is on disk; NULL where PostgreSQL does not tell (a standby, Aurora). Within one timeline it
-- never falls, not even by a crash. SECURITY DEFINER as in 0009.
CREATE FUNCTION flushed_lsn() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint;
EXCEPTION
    WHEN insufficient_privilege OR object_not_in_prerequisite_state OR feature_not_supported OR undefined_function THEN
        RETURN NULL;
END $$;

-- Where this database stands: the fields of `rules/restore/position.Position`, and whether it is suspected.
CREATE FUNCTION database_position() RETURNS TABLE (
    instance text, database text, fence bigint, lsn bigint, beat float8, resumed float8, revocations bigint,
    adopted boolean, suspected_of text
) LANGUAGE sql AS $$
    SELECT s.instance::text, here.database, l.fence, flushed_lsn(), extract(epoch FROM l.beat)::float8,
           extract(epoch FROM CASE WHEN l.database = here.database THEN l.resumed ELSE l.beat END)::float8,
           coalesce(pg_sequence_last_value('revocations_sequence_seq'::regclass), 0), l.database = here.database,
           CASE WHEN l.suspected_at IS NOT NULL THEN coalesce(l.suspected_of, '{}')::text END
    FROM service_state s, database_life l, (SELECT feed_database() AS database OFFSET 0) AS here
$$;

-- What Redis still knows to have ended, and this database does not: a failover, or a backup, has lost it. `entries`: an
-- array of {kind, subject, not_before (seconds since 1970), keep (seconds)}. How many were missing here.
CREATE FUNCTION heal_revocations(entries jsonb) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    missing jsonb;
    lost uuid[];
BEGIN
    SELECT coalesce(jsonb_agg(to_jsonb(e)), '[]') INTO missing
    FROM jsonb_to_recordset(entries) AS e (kind text, subject text, not_before bigint, keep float8)
    WHERE NOT EXISTS (
        SELECT FROM revocations r WHERE r.kind = e.kind AND r.subject = e.subject AND r.expires_at > now()
        AND (e.kind IN ('session', 'token', 'key') OR r.not_before >= to_timestamp(e.not_before)));
    INSERT INTO revocations (kind, subject, not_before, expires_at, reason)
    SELECT e.kind, e.subject, to_timestamp(e.not_before), now() + e.keep * interval '1 second', 'healed'
    FROM jsonb_to_recordset(missing) AS e (kind text, subject text, not_before bigint, keep float8);
    SELECT ARRAY(
        SELECT s.id FROM user_sessions s JOIN jsonb_to_recordset(missing) AS e (kind text, subject text)
        ON s.id = CASE WHEN e.kind = 'session' AND e.subject ~ '^[0-9a-f-]{36}$' THEN e.subject::uuid END
        WHERE s.is_active ORDER BY s.id FOR NO KEY UPDATE OF s) INTO lost;
    PERFORM end_sessions(lost, 'healed');
    UPDATE grants g SET ended = true, ended_at = now()
    FROM jsonb_to_recordset(missing) AS e (kind text, subject text, not_before bigint)
    WHERE g.session_id = CASE WHEN e.kind = 'grant' AND e.subject ~ '^[0-9a-f-]{36}:'
                              THEN split_part(e.subject, ':', 1)::uuid END
    AND g.client_id = split_part(e.subject, ':', 2) AND NOT g.ended AND g.created_at < to_timestamp(e.not_before + 1);
    RETURN jsonb_array_length(missing);
END $$;
