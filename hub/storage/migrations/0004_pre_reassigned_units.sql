-- Open deliveries of a unit, to be moved when another system comes to speak for it.
CREATE INDEX delivery_unit_open ON delivery (unit_id)
    WHERE state IN ('awaiting_verification', 'held', 'queued');

-- A document whose verification does not end is late like any other.
DROP INDEX delivery_alert;
CREATE INDEX delivery_alert ON delivery (alert_at)
    WHERE alerted_at IS NULL
      AND state IN ('awaiting_verification', 'queued', 'held', 'leased', 'handed_over');

-- The janitor asks for renditions by their blob.
CREATE INDEX document_rendition ON document (rendition_blob) WHERE rendition_blob IS NOT NULL;
