-- The number that is in a person's device cookies, and that a new password, disabling, and the end of all other sessions
-- raise. (Not bound to the password's hash: that is upgraded.) Only adds: authsvc of the previous version does not raise
-- it, and takes no cookie that has it.
ALTER TABLE users ADD COLUMN device_generation integer NOT NULL DEFAULT 0;
