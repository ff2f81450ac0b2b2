-- Watching the folders of systems of the adapters 'folder' and 'sftp': one node at a time, and how it goes.
CREATE TABLE folder_watch (
    system_id      uuid PRIMARY KEY REFERENCES system (id) ON DELETE CASCADE,
    lease_owner    text,
    lease_token    bigint NOT NULL DEFAULT 0,
    lease_until    timestamptz,
    due_at         timestamptz NOT NULL DEFAULT hub_now(),
    -- The root that the hub has put its mark into: once marked, a root without its mark is not mounted.
    marked         text,
    failures       integer NOT NULL DEFAULT 0,
    last_error     text,
    last_failed_at timestamptz,
    last_ok_at     timestamptz
);
