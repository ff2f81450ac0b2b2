-- Exits: how deliveries are handed to systems that do not fetch them.

-- Settings of a system's adapter, without secrets. A system fetches, or it is pushed to: derived from the
-- adapter's name, so that nobody can forget to say so.
ALTER TABLE system
    ADD COLUMN adapter_settings jsonb NOT NULL DEFAULT '{}'::jsonb,
    ADD COLUMN pushed boolean GENERATED ALWAYS AS (adapter NOT IN ('rest-pull', 'vxp', 'bkav')) STORED;

-- Secrets of adapters, sealed under a key that is not in the database.
CREATE TABLE system_secret (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system_id  uuid NOT NULL REFERENCES system (id) ON DELETE CASCADE,
    name       text NOT NULL,
    sealed     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT hub_now(),
    expires_at timestamptz
);
CREATE INDEX system_secret_name ON system_secret (system_id, name, id);
