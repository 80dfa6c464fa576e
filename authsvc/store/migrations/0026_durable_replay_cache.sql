-- What was used once is used after a crash, too: PostgreSQL alone remembers it from here on. Rewrites the rows of the last
-- minutes under a lock; replicas of the version before write to the table as they did.
ALTER TABLE spent_assertions SET LOGGED;
