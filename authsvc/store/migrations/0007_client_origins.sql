-- Origins of a client's pages that no redirect URI names. Only adds: authsvc of the previous version keeps running beside
-- it, and lets pages of these origins read nothing.
ALTER TABLE clients ADD COLUMN origins text[] NOT NULL DEFAULT '{}';
