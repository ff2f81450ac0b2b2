-- Since when the hub has had a file: the first document that brought it. Ids are in the order of acceptance.
CREATE INDEX signature_report_file ON signature_report (sha256, document_id);
