-- People read the audit events of their own account. Only adds.
CREATE INDEX audit_events_of_user ON audit_events (user_id, at DESC, id DESC) WHERE user_id IS NOT NULL;

-- Events may say on which device something was done, and from where. Whoever is removed, also by an operator's plain
-- DELETE, takes that along: the events keep the id.
CREATE FUNCTION users_forget_places() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE audit_events SET detail = detail - '{device,address}'::text[]
    WHERE user_id = OLD.id AND detail ?| '{device,address}';
    RETURN NULL;
END $$;
CREATE TRIGGER forget_places AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION users_forget_places();
