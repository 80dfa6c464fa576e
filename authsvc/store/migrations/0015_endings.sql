-- Ends that take more than one statement. A person may have any number of sessions, and a statement has a deadline: what
-- is to end is written down with what makes it so (a new password, disabling), and done in batches. A row here outlives
-- the process that wrote it; any replica goes on. Only adds: authsvc of the previous version ends all in one statement.
CREATE TABLE endings (
    user_id  uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    reason   text NOT NULL,
    keep     uuid,  -- the session that goes on
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp()  -- what began later is not meant
);

CREATE OR REPLACE FUNCTION users_disabled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.disabled_at IS NOT NULL AND OLD.disabled_at IS NULL THEN
        UPDATE endings SET reason = 'user_disabled', keep = NULL, begun_at = clock_timestamp() WHERE user_id = NEW.id;
        IF NOT FOUND THEN
            UPDATE user_sessions SET is_active = false, end_reason = 'user_disabled'
            WHERE id IN (SELECT id FROM user_sessions WHERE user_id = NEW.id AND is_active ORDER BY id FOR UPDATE);
        END IF;
    END IF;
    RETURN NULL;
END $$;
