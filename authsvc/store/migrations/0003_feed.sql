-- The revocation feed: numbers in the order of commit. Only adds: authsvc of the previous version keeps running beside it.
--
-- `revocations.sequence` is drawn before the commit, so a lower one may become visible after a higher one was sent.
-- `feed_sequence` is given afterwards, by whichever worker reads the feed first, to rows that it can see; one numberer at
-- a time, and its numbers are visible with its commit. So whoever has read N will never again meet a number below N, and
-- nothing waits for a transaction that has nothing to do with it (as comparing with pg_snapshot_xmin would).
ALTER TABLE revocations ADD COLUMN feed_sequence bigint;
CREATE UNIQUE INDEX revocations_feed ON revocations (feed_sequence);
CREATE INDEX revocations_unnumbered ON revocations (sequence) WHERE feed_sequence IS NULL;

-- One row, locked by the numberer. Not in service_state, which an operator's open transaction may hold.
-- database: which one gave the numbers after `floor`; a number below it may have been another row's elsewhere.
CREATE TABLE feed_state (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    database text NOT NULL DEFAULT '',
    floor    bigint NOT NULL DEFAULT 0,
    newest   bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO feed_state DEFAULT VALUES;

-- This cluster and its timeline. The newest checkpoint may still be of the timeline before a promotion; then the end of
-- recovery names the new one.
CREATE FUNCTION feed_database() RETURNS text LANGUAGE sql AS $$
    SELECT s.system_identifier || '.' || greatest(c.timeline_id, r.min_recovery_end_timeline)
    FROM pg_control_system() s, pg_control_checkpoint() c, pg_control_recovery() r
$$;

-- Give numbers to at most `most` revocations that have none.
CREATE FUNCTION number_revocations(here text, most integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    state feed_state;
BEGIN
    SELECT * INTO STRICT state FROM feed_state FOR UPDATE;
    IF state.database <> here THEN
        -- Numbers may have been given that this database never saw. The clock is ahead of all of them: nobody revokes
        -- once a microsecond for long.
        state.database := here;
        state.newest := greatest(state.newest + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
        state.floor := state.newest;
    END IF;
    WITH waiting AS (
        SELECT sequence, row_number() OVER (ORDER BY sequence) AS place FROM (
            SELECT sequence FROM revocations WHERE feed_sequence IS NULL AND expires_at > now()
            ORDER BY sequence LIMIT most) AS unnumbered
    ), numbered AS (
        UPDATE revocations r SET feed_sequence = state.newest + waiting.place
        FROM waiting WHERE r.sequence = waiting.sequence
        RETURNING r.feed_sequence
    )
    SELECT coalesce(max(n.feed_sequence), state.newest) INTO state.newest FROM numbered n;
    UPDATE feed_state SET database = state.database, floor = state.floor, newest = state.newest;
END $$;

-- What was committed and came after `after`: at most `most` revocations in the order of their numbers, all of them up to
-- `newest`. more: there are others. A function, because each of its statements sees what was committed before it began:
-- after waiting for another numberer, that one's numbers too.
CREATE FUNCTION read_feed(after bigint, most integer)
RETURNS TABLE (floor bigint, newest bigint, now timestamptz, more boolean, rows text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    here text := feed_database();
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'a standby may be behind' USING ERRCODE = 'read_only_sql_transaction';
    END IF;
    IF EXISTS (SELECT FROM revocations WHERE feed_sequence IS NULL AND expires_at > now())
        OR EXISTS (SELECT FROM feed_state WHERE database <> here)
    THEN
        PERFORM number_revocations(here, most);
    END IF;
    RETURN QUERY
    WITH found AS (
        SELECT feed_sequence, kind, subject, floor(extract(epoch FROM not_before))::bigint AS not_before,
               ceil(extract(epoch FROM expires_at))::bigint AS expires_at,
               extract(epoch FROM clock_timestamp() - created_at)::float8 AS age
        FROM revocations WHERE feed_sequence > after AND expires_at > now()
        ORDER BY feed_sequence LIMIT most
    ), counted AS (
        SELECT count(*) = most AS cut, max(feed_sequence) AS last,
               coalesce(json_agg(json_build_array(feed_sequence, kind, subject, not_before, expires_at, age)
                                 ORDER BY feed_sequence), '[]')::text AS listed
        FROM found
    )
    SELECT state.floor, CASE WHEN cut THEN last ELSE state.newest END, clock_timestamp(),
           cut OR EXISTS (SELECT FROM revocations WHERE feed_sequence IS NULL AND expires_at > now()), listed
    FROM feed_state state, counted;
END $$;
