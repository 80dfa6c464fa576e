-- Clients that nobody let in: they registered without a token of an operator's, or are what their document says. Only
-- adds: authsvc of the previous version takes them for clients that registered themselves.
ALTER TABLE clients ADD COLUMN stranger boolean NOT NULL DEFAULT false;
UPDATE clients SET stranger = true WHERE id ~ '^https?://';
