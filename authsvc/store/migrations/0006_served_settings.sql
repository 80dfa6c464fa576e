-- What each replica serves by, of all that decides how long a key must wait. Only adds: authsvc of the previous version
-- keeps running beside it, and records nothing.
--
-- One row for a replica and its settings: a replica that starts with others adds a row, and the old one grows stale, so
-- that what verifiers still hold in their caches is not forgotten. `settings`: durations in seconds, by name.
CREATE TABLE served_settings (
    replica  text NOT NULL,
    settings jsonb NOT NULL,
    heard_at timestamptz NOT NULL,
    PRIMARY KEY (replica, settings)
) WITH (fillfactor = 50);
