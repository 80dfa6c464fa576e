-- Whether people may log in at a client by a code that is mailed to them. Only adds: authsvc of the previous version lets
-- nobody, but takes a session that was opened so for one of a password. So no client should be given it before every
-- replica is of this version.
ALTER TABLE clients ADD COLUMN mail_code_login boolean NOT NULL DEFAULT false;
