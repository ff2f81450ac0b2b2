-- Since when the hub has had a file: the first document that brought it. Ids are in the order of acceptance.
CREATE INDEX signature_report_file ON signature_report (sha256, document_id);

-- A verdict that waited for an authority's answer is looked at again, and may become another one. What was said
-- before stays on record: decisions were taken on it.
ALTER TABLE signature_report ADD COLUMN version integer NOT NULL DEFAULT 1;
CREATE TABLE signature_report_earlier (
    document_id uuid NOT NULL,
    position    integer NOT NULL,
    version     integer NOT NULL,
    sha256      bytea NOT NULL,
    indication  text NOT NULL,
    report      jsonb NOT NULL,
    whole       bytea,
    made_at     timestamptz NOT NULL,
    PRIMARY KEY (document_id, position, version)
);

-- What was done with keys of the hub, or around keys of systems: a row before the key is touched, its end after.
-- Kept for ever: who signed what, when, for whom, is asked years later.
CREATE TABLE signing_record (
    id          uuid PRIMARY KEY,
    system_id   uuid NOT NULL,
    system_name text NOT NULL,
    api_key     text NOT NULL,
    action      text NOT NULL CHECK (action IN ('sign', 'prepare', 'finish')),
    key_name    text NOT NULL,
    files       bytea[] NOT NULL,
    begun_at    timestamptz NOT NULL DEFAULT hub_now(),
    ended_at    timestamptz,
    result      text NOT NULL DEFAULT 'begun' CHECK (result IN ('begun', 'done', 'declined', 'unfinished')),
    reason      text,
    made        bytea
);
CREATE INDEX signing_record_time ON signing_record (begun_at);
CREATE INDEX signing_record_made ON signing_record (made) WHERE made IS NOT NULL;

CREATE FUNCTION signing_record_ends_once() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL
           AND (NEW.id, NEW.system_id, NEW.system_name, NEW.api_key, NEW.action, NEW.key_name, NEW.files,
                NEW.begun_at)
               IS NOT DISTINCT FROM
               (OLD.id, OLD.system_id, OLD.system_name, OLD.api_key, OLD.action, OLD.key_name, OLD.files,
                OLD.begun_at) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'records of signatures are never changed or deleted';
END
$$;
CREATE TRIGGER signing_record_kept BEFORE UPDATE OR DELETE ON signing_record
    FOR EACH ROW EXECUTE FUNCTION signing_record_ends_once();
CREATE TRIGGER signing_record_never_truncated BEFORE TRUNCATE ON signing_record
    FOR EACH STATEMENT EXECUTE FUNCTION signing_record_ends_once();
