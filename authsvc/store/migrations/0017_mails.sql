-- Mails to people: written in the transaction of what they tell, sent afterwards by any replica. Only adds.
CREATE TABLE mails (
    id           uuid PRIMARY KEY,  -- the Message-ID is made of it: whoever gets a mail twice can tell
    template     text NOT NULL,
    recipient    text NOT NULL,
    language     text NOT NULL,
    user_id      uuid REFERENCES users ON DELETE CASCADE,
    sealed       text,              -- what the mail says; gone with the statement that says it was sent
    holds_secret boolean NOT NULL,  -- a link or a code: also gone when the mail is given up
    about        bytea,             -- what a mail tells that need not be told again on the same day
    attempts     integer NOT NULL DEFAULT 0,
    refusals     integer NOT NULL DEFAULT 0,  -- attempts that failed because of this mail, not of the server
    next_at      timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    sent_at      timestamptz,
    given_up_at  timestamptz,
    reason       text,
    status       integer,
    CHECK (sent_at IS NULL OR sealed IS NULL),
    CHECK (given_up_at IS NULL OR NOT holds_secret OR sealed IS NULL)
);
CREATE INDEX mails_waiting ON mails (next_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
CREATE INDEX mails_of_person ON mails (user_id, about);
CREATE INDEX mails_over ON mails (coalesce(sent_at, given_up_at, expires_at));

-- A login on another device is told, but the first one of all. Whoever is here already has had theirs.
ALTER TABLE users ADD COLUMN first_login_at timestamptz DEFAULT now();
ALTER TABLE users ALTER COLUMN first_login_at DROP DEFAULT;
