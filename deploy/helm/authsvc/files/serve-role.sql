-- What the role of `authsvc serve` and of the operator's commands may do: read and write rows, and nothing else.
--
-- Run by the owner of the tables, which is the role of `authsvc migrate`, on authsvc's database; before the first
-- migration or after any, as often as you like:
--
--   psql -v ON_ERROR_STOP=1 "$OWNER_URL" -f deploy/serve-role.sql
--
-- A superuser has made the role before: CREATE ROLE authsvc_serve LOGIN PASSWORD '…';

GRANT USAGE ON SCHEMA public TO authsvc_serve;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO authsvc_serve;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO authsvc_serve;

-- The same for what later migrations make.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO authsvc_serve;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO authsvc_serve;
