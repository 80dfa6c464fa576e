-- How far a grant's rotations have run ahead of their pace (rules/token/refresh_rotation): each one moves it on. No column
-- that the rotation reads may be NULL (see 0001). Only adds: authsvc of the previous version keeps running beside it.
ALTER TABLE grants ADD COLUMN paced_until timestamptz NOT NULL DEFAULT now();
