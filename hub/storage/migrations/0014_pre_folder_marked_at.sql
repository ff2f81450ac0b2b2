-- Since when a root is the hub's: where taking a file away confirms, only what was put into this root can have
-- been taken from it. What was handed over before, in another folder or by another adapter, is not there either.
ALTER TABLE folder_watch ADD COLUMN marked_at timestamptz;

-- A system that leaves its folders and comes back to them begins anew.
CREATE FUNCTION folder_watch_follows_adapter() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE folder_watch SET marked = NULL WHERE system_id = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER folder_watch_on_adapter AFTER UPDATE OF adapter ON system
    FOR EACH ROW WHEN (OLD.adapter IS DISTINCT FROM NEW.adapter)
    EXECUTE FUNCTION folder_watch_follows_adapter();
