-- Clients that nobody registered: what they are stands in the document at their id (client ID metadata documents), and a
-- row is kept once a person has allowed one something. Only adds: authsvc of the previous version takes such a row for a
-- client that registered itself, and asks nobody for its document.
CREATE TABLE stranger_clients (
    client_id text PRIMARY KEY REFERENCES clients ON DELETE CASCADE,
    read_at   timestamptz NOT NULL DEFAULT now()
);

-- Their ids are addresses. Nobody but a person's consent writes such a row, so it has the registration hash of nobody.
ALTER TABLE clients DROP CONSTRAINT clients_id_check;
ALTER TABLE clients ADD CONSTRAINT clients_id_check CHECK (
    id ~ '^[A-Za-z0-9._~-]{1,128}$'
    OR (id ~ '^https?://[!-~]+$' AND length(id) <= 256 AND registration_hash IS NOT NULL)
);

-- What such a client pushes names it in its parameters alone: it has no row before a person allowed it something.
ALTER TABLE pushed_requests ALTER COLUMN client_id DROP NOT NULL;

-- Refresh tokens by the grant type alone, without offline_access.
ALTER TABLE clients ADD COLUMN refresh_without_offline_access boolean NOT NULL DEFAULT false;
