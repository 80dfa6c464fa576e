-- The language that a person chose, for pages and mails. Only adds; NULL: as their browser asks.
ALTER TABLE users ADD COLUMN locale text CHECK (locale <> '');
