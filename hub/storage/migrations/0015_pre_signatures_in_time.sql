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
