-- Origins of pages that may register clients. Only adds: authsvc of the previous version keeps running beside it, and lets
-- no page register one. Workers keep the origins until clients_version says otherwise, as they keep those of clients.
ALTER TABLE registration_tokens ADD COLUMN origins text[] NOT NULL DEFAULT '{}';

CREATE FUNCTION registration_origins_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE service_state SET clients_version = clients_version + 1;
    RETURN NULL;
END $$;
-- By rows and not by statement: the hourly clean-up deletes none, mostly, and most tokens name no page.
CREATE TRIGGER origins_added AFTER INSERT ON registration_tokens FOR EACH ROW
    WHEN (NEW.origins <> '{}') EXECUTE FUNCTION registration_origins_changed();
CREATE TRIGGER origins_changed AFTER UPDATE OF origins ON registration_tokens FOR EACH ROW
    EXECUTE FUNCTION registration_origins_changed();
CREATE TRIGGER origins_removed AFTER DELETE ON registration_tokens FOR EACH ROW
    WHEN (OLD.origins <> '{}') EXECUTE FUNCTION registration_origins_changed();
