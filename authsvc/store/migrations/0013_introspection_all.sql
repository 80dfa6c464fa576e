-- Which resource servers may ask about tokens of every audience, not only about those that are meant for them. Only
-- adds: authsvc of the previous version keeps running beside it, and lets every one of them ask about all.
ALTER TABLE clients ADD COLUMN introspection_all boolean NOT NULL DEFAULT false;
