-- Databases without the control functions. Only adds: authsvc of the previous version keeps running beside it.
--
-- This cluster and its timeline, as in 0003. Some installations take EXECUTE on the control functions from everybody,
-- and Aurora refuses them (object_not_in_prerequisite_state) unless its wal_level is logical. There the start of the
-- server stands for both: another cluster, and whatever was restored or promoted, has started at another microsecond.
-- Its price: after every restart of PostgreSQL whatever was learned from it before is foreign, and is read anew.
--
-- SECURITY DEFINER: the answer must not depend on who asks, so the rights of the function's owner count.
CREATE OR REPLACE FUNCTION feed_database() RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT s.system_identifier || '.' || greatest(c.timeline_id, r.min_recovery_end_timeline)
            FROM pg_control_system() s, pg_control_checkpoint() c, pg_control_recovery() r);
EXCEPTION
    WHEN insufficient_privilege OR object_not_in_prerequisite_state OR feature_not_supported OR undefined_function THEN
        RETURN 'started.' || (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint;
END $$;
