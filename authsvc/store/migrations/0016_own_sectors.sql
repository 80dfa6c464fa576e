-- A client that registered itself and may use the device grant needs nobody's redirect URI to get tokens: the host that
-- it named is no proof, and it is a sector of its own. Those who know people by the host's subjects learn new ones.
UPDATE clients SET sector = ''
WHERE subject_type = 'pairwise' AND sector <> '' AND registration_hash IS NOT NULL
AND 'urn:ietf:params:oauth:grant-type:device_code' = ANY (grant_types);
