-- Whether a confidential client must send PKCE. Only adds: authsvc of the previous version demands it of everybody, and
-- redeems no code that was asked for without it.
ALTER TABLE clients ADD COLUMN pkce text NOT NULL DEFAULT 'required' CHECK (pkce IN ('required', 'nonce', 'optional'));
