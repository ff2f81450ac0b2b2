-- Receipts of their own, versions over families of numbers, links between documents, redirects, cursors.

-- A receipt lives as long as a key leads to it: submission keys end after their time, document keys do not.
CREATE TABLE receipt (
    document_id uuid PRIMARY KEY,
    body        bytea NOT NULL,
    made_at     timestamptz NOT NULL
);
CREATE INDEX receipt_age ON receipt (made_at);
INSERT INTO receipt (document_id, body, made_at)
SELECT DISTINCT ON (document_id) document_id, receipt, accepted_at FROM intake_key ORDER BY document_id, accepted_at;

-- Nodes of the version before this one still write the receipt beside the key, and would miss ours for the
-- time of an upgrade: a resend is then answered 503 by them, and is right at the next attempt.
ALTER TABLE intake_key ALTER COLUMN receipt DROP NOT NULL;
CREATE FUNCTION keep_receipt() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.receipt IS NOT NULL THEN
        INSERT INTO receipt (document_id, body, made_at) VALUES (NEW.document_id, NEW.receipt, NEW.accepted_at)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER intake_key_receipt AFTER INSERT ON intake_key
    FOR EACH ROW WHEN (NEW.receipt IS NOT NULL) EXECUTE FUNCTION keep_receipt();

-- An update may bear a number of its own: `family_no` is the number from which its versions are counted
-- (NULL: its own). Two updates of one family never share a version.
ALTER TABLE document_key ADD COLUMN family_no text, ADD COLUMN recipients_sha256 bytea;
CREATE INDEX document_key_family ON document_key (unit_id, (coalesce(family_no, document_no)));
CREATE UNIQUE INDEX document_key_version ON document_key (unit_id, (coalesce(family_no, document_no)), version_no)
    WHERE change_kind = 'update';
CREATE INDEX document_key_number ON document_key (document_no);
CREATE INDEX document_key_sha256 ON document_key (sha256);

-- What a document does to earlier ones; a revoking or replacing one may name several.
CREATE TABLE document_link (
    document_id uuid NOT NULL,
    related_id  uuid NOT NULL,
    relation    text NOT NULL CHECK (relation IN ('revokes', 'updates', 'replaces')),
    PRIMARY KEY (document_id, related_id)
);
CREATE INDEX document_link_related ON document_link (related_id);

-- `request_id`: the message whose question (recall, update, replacement) is open or was answered last.
ALTER TABLE delivery ADD COLUMN redirected_from uuid, ADD COLUMN request_id uuid;
CREATE INDEX delivery_request ON delivery (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX delivery_redirected ON delivery (redirected_from) WHERE redirected_from IS NOT NULL;

-- How far readers of the numbered events have come; one that begins now does not tell the past.
CREATE TABLE event_cursor (
    name text PRIMARY KEY,
    seq  bigint NOT NULL
);
INSERT INTO event_cursor (name, seq) SELECT 'broker', seq FROM log_head;

-- Refusals are kept for a time, not for ever.
CREATE INDEX refusal_age ON refusal (at);

-- A unit with all that came before or after it: what a parked status may be about.
CREATE FUNCTION unit_line(unit text) RETURNS text[]
    LANGUAGE sql STABLE
    AS $$
    WITH RECURSIVE before(unit_id) AS (
        SELECT unit UNION SELECT s.unit_id FROM agency_successor s JOIN before b ON s.successor = b.unit_id
    ), after(unit_id) AS (
        SELECT unit UNION SELECT s.successor FROM agency_successor s JOIN after a ON s.unit_id = a.unit_id
    )
    SELECT array_agg(DISTINCT u.unit_id) FROM (SELECT unit_id FROM before UNION SELECT unit_id FROM after) u
    $$;
CREATE INDEX agency_successor_of ON agency_successor (successor);
