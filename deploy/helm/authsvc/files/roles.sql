-- Run once by PostgreSQL's image, as its superuser on the database `authsvc`, when the data are made: the owner of the
-- tables for `authsvc migrate`, and the role of everything else. Neither is a superuser.
\set owner_password `cat /run/secrets/owner_password`
\set serve_password `cat /run/secrets/serve_password`

CREATE ROLE authsvc LOGIN PASSWORD :'owner_password';
CREATE ROLE authsvc_serve LOGIN PASSWORD :'serve_password';
ALTER DATABASE authsvc OWNER TO authsvc;
REVOKE ALL ON DATABASE authsvc FROM PUBLIC;
GRANT CONNECT ON DATABASE authsvc TO authsvc_serve;

SET ROLE authsvc;
\i /serve-role.sql
