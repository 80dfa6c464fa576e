-- The document that lists the redirect URIs of a client's sector. Only adds: authsvc of the previous version keeps running
-- beside it, and refuses who names one.
ALTER TABLE clients ADD COLUMN sector_identifier_uri text;
