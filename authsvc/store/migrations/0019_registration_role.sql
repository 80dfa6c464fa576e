-- The role of people who come to an installation by registering at this client. Only adds.
ALTER TABLE clients ADD COLUMN registration_role text;
