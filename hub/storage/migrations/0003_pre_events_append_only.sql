-- The log is append-only in every column, and cannot be emptied at once.

CREATE OR REPLACE FUNCTION event_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'event rows are never deleted';
    END IF;
    -- A number is given once; nothing else ever changes.
    IF OLD.seq IS NOT NULL
       OR (NEW.id, NEW.kind, NEW.document_id, NEW.delivery_id, NEW.system_id, NEW.unit_id, NEW.body, NEW.at)
          IS DISTINCT FROM
          (OLD.id, OLD.kind, OLD.document_id, OLD.delivery_id, OLD.system_id, OLD.unit_id, OLD.body, OLD.at) THEN
        RAISE EXCEPTION 'event rows are never changed';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER event_never_truncated BEFORE TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_is_append_only();
