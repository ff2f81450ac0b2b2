-- Packages: deliveries as systems see them that know no leases and list what they have not confirmed.

-- What is still open at a recipient, fetched or not.
CREATE INDEX delivery_open ON delivery (system_id, kind, id) WHERE state IN ('queued', 'leased', 'handed_over');
-- The newest messages of a sender.
CREATE INDEX document_sender ON document (system_id, kind, id);

-- That a recipient has told us it is at work on a package: no state of the transport, which waits for its
-- confirmation all the same.
CREATE TABLE package_taken_up (
    delivery_id uuid PRIMARY KEY,
    at          timestamptz NOT NULL
);
