-- Whose certificate it is: what an agency signs with. Proposed rows were learnt from a valid signature and have
-- no effect before an administrator confirms them. Units outside the province may stand here too.
CREATE TABLE agency_certificate (
    unit_id      text NOT NULL,
    fingerprint  bytea NOT NULL CHECK (length(fingerprint) = 32),
    kind         text NOT NULL CHECK (kind IN ('person', 'organisation')),
    state        text NOT NULL CHECK (state IN ('proposed', 'confirmed', 'refused')),
    subject      text NOT NULL,
    valid_from   timestamptz,
    valid_to     timestamptz,
    -- The document from which it was learnt, if any.
    document_id  uuid,
    made_at      timestamptz NOT NULL DEFAULT hub_now(),
    changed_at   timestamptz NOT NULL DEFAULT hub_now(),
    changed_by   text NOT NULL,
    PRIMARY KEY (unit_id, fingerprint)
);
CREATE INDEX agency_certificate_fingerprint ON agency_certificate (fingerprint);

-- The whole report beside the one that is shown: from it the printable and the ETSI form are made.
ALTER TABLE signature_report ADD COLUMN whole bytea;

-- Verdicts by the bytes that were judged and by what they were judged under (rules, trust): a cache that nodes
-- share. A row may vanish at any moment.
CREATE TABLE signature_verdict (
    sha256   bytea NOT NULL CHECK (length(sha256) = 32),
    under    text NOT NULL,
    report   bytea NOT NULL,
    made_at  timestamptz NOT NULL DEFAULT hub_now(),
    PRIMARY KEY (sha256, under)
);
CREATE INDEX signature_verdict_age ON signature_verdict (made_at);
