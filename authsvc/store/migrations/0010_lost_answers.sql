-- How long a client's used refresh token serves whoever lost the answer with the next one; NULL: the service's default.
-- Only adds: authsvc of the previous version keeps running beside it (and knows no end of it).
ALTER TABLE clients
    ADD COLUMN refresh_lost_answer_seconds integer CHECK (refresh_lost_answer_seconds BETWEEN 0 AND 315360000);
