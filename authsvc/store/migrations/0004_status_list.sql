-- Token Status List (draft-ietf-oauth-status-list). Only adds: authsvc of the previous version keeps running beside it.

ALTER TABLE clients ADD COLUMN status_list boolean NOT NULL DEFAULT false;

-- A slice of time in which tokens expire at the latest, and how many blocks of indices were given of it. The row is
-- another for another database or timeline: what a failover forgot must not be given again under the same name.
CREATE TABLE status_slices (
    ends_at  bigint NOT NULL,
    database text NOT NULL,
    salt     text NOT NULL UNIQUE DEFAULT encode(substr(uuid_send(gen_random_uuid()), 1, 8), 'hex'),
    blocks   integer NOT NULL,
    PRIMARY KEY (ends_at, database)
) WITH (fillfactor = 50);

-- Blocks that a process holds. One that is not heard of died, and took with it what it had not yet written below; one
-- that is given back is deleted.
CREATE TABLE status_blocks (
    salt     text NOT NULL REFERENCES status_slices (salt) ON DELETE CASCADE,
    number   integer NOT NULL,
    heard_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (salt, number)
) WITH (fillfactor = 50);

-- What could void the token at each index: for what a process issued in half a second, one row for each kind of
-- revocation. The arrays are parallel; kind, subject and time of issue are those of `revocations` (issued NULL: whenever
-- it was issued). By kind, because a list is made of those rows alone whose kind was revoked at all.
CREATE TABLE status_batches (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ends_at  bigint NOT NULL,
    salt     text NOT NULL,
    part     integer NOT NULL,
    kind     text NOT NULL,
    indices  integer[] NOT NULL,
    subjects text[] NOT NULL,
    issued   bigint[]
);
CREATE INDEX status_batches_of_list ON status_batches (salt, part, kind);
CREATE INDEX status_batches_end ON status_batches (ends_at);
