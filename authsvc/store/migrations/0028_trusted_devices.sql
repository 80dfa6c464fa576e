-- Devices on which a person's login passes over the second step, at clients that allow it. Only adds: authsvc of the
-- version before asks for the second factor everywhere, and its changes of people end the devices by the trigger.
ALTER TABLE clients ADD COLUMN trusted_device_days integer NOT NULL DEFAULT 0;

CREATE TABLE trusted_devices (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    digest       bytea NOT NULL UNIQUE,  -- of the browser's cookie
    device_info  text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX trusted_devices_of_user ON trusted_devices (user_id);
CREATE INDEX trusted_devices_expiry ON trusted_devices (expires_at);

-- A new password or a taken one, the end of all other sessions (device_generation), a factor that is removed
-- (factor_generation), another address, disabling: however it is written, no device is trusted any more.
CREATE FUNCTION users_end_trusted_devices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM trusted_devices WHERE user_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER end_trusted_devices AFTER UPDATE OF device_generation, factor_generation, email, disabled_at ON users
    FOR EACH ROW
    WHEN (OLD.device_generation <> NEW.device_generation OR OLD.factor_generation <> NEW.factor_generation
          OR OLD.email <> NEW.email OR (OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL))
    EXECUTE FUNCTION users_end_trusted_devices();
