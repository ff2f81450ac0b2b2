-- The spine: directory, systems, documents, deliveries, tasks, outbox, events.
--
-- Ids are UUIDv7 made by the application. document, delivery and event are partitioned by month on
-- their id, so PRIMARY KEY (id) is possible and a look-up by id touches one partition. No foreign
-- key crosses a partitioned family; children carry the document's id, and `lienthong doctor` checks.
-- Uniqueness of submissions lives in unpartitioned tables written in the intake transaction.

-- Time ------------------------------------------------------------------------------------------

-- Every comparison of times goes through hub_now(), so that a test can move the hub's clock without
-- touching the machine's. STABLE on purpose: one statement sees one time per evaluation plan.
CREATE TABLE hub_clock (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    clock_offset interval NOT NULL DEFAULT interval '0'
);
INSERT INTO hub_clock DEFAULT VALUES;

CREATE FUNCTION hub_now() RETURNS timestamptz
    LANGUAGE sql STABLE
    AS $$ SELECT clock_timestamp() + clock_offset FROM hub_clock $$;

-- Systems and their keys ------------------------------------------------------------------------

CREATE TABLE system (
    id         uuid PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    adapter    text NOT NULL DEFAULT 'rest-pull',
    dialects   text[] NOT NULL DEFAULT ARRAY['qcvn-prefixed'],
    policy     jsonb NOT NULL DEFAULT '{}'::jsonb,
    state      text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'locked')),
    created_at timestamptz NOT NULL DEFAULT hub_now()
);

-- Only the SHA-256 of a key is kept: the key is 256 random bits, shown once when it is made.
CREATE TABLE api_key (
    id         text PRIMARY KEY,
    system_id  uuid NOT NULL REFERENCES system (id),
    digest     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT hub_now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_key_system ON api_key (system_id);

-- The directory of agencies ---------------------------------------------------------------------

CREATE TABLE agency (
    unit_id    text PRIMARY KEY,
    name       text NOT NULL,
    level      text NOT NULL,
    parent     text,
    state      text NOT NULL,
    retired_on date,
    system_id  uuid REFERENCES system (id)
);
CREATE INDEX agency_system ON agency (system_id) WHERE system_id IS NOT NULL;

CREATE TABLE agency_code (
    code       text NOT NULL,
    unit_id    text NOT NULL REFERENCES agency (unit_id) ON DELETE CASCADE,
    scheme     text NOT NULL,
    valid_from date,
    valid_to   date,
    position   integer NOT NULL,
    PRIMARY KEY (code, unit_id)
);
CREATE INDEX agency_code_unit ON agency_code (unit_id);

CREATE TABLE agency_successor (
    unit_id    text NOT NULL REFERENCES agency (unit_id) ON DELETE CASCADE,
    successor  text NOT NULL,
    is_default boolean NOT NULL,
    from_date  date,
    position   integer NOT NULL,
    PRIMARY KEY (unit_id, successor)
);

-- Bumped in the transaction of every change of the directory: nodes reload their snapshot by it.
CREATE TABLE directory_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint NOT NULL DEFAULT 0
);
INSERT INTO directory_version DEFAULT VALUES;

-- Documents and status messages -----------------------------------------------------------------

CREATE TABLE document (
    id               uuid NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('document', 'status')),
    system_id        uuid NOT NULL,
    from_unit        text NOT NULL,
    from_code        text NOT NULL,
    document_no      text NOT NULL,
    doc_type         smallint CHECK (doc_type BETWEEN 0 AND 3),
    status_code      text,
    version_no       integer NOT NULL DEFAULT 1,
    refers_to        uuid,
    priority         smallint NOT NULL,
    lane             text NOT NULL CHECK (lane IN ('normal', 'urgent')),
    sha256           bytea NOT NULL,
    size             bigint NOT NULL,
    blob_id          uuid NOT NULL,
    dialect          text NOT NULL,
    needs_repair     boolean NOT NULL,
    rendition_blob   uuid,
    rendition_sha256 bytea,
    rendition_size   bigint,
    attachments      jsonb NOT NULL DEFAULT '[]'::jsonb,
    verified_at      timestamptz,
    indication       text,
    body_state       text NOT NULL DEFAULT 'kept' CHECK (body_state IN ('kept', 'erased', 'secret')),
    accepted_at      timestamptz NOT NULL,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX document_number ON document (from_unit, document_no);
CREATE INDEX document_refers ON document (refers_to) WHERE refers_to IS NOT NULL;
CREATE INDEX document_blob ON document (blob_id);

-- Words of people (subject, names, reasons): erasable, never in an event, which only holds their
-- digest under the row's salt.
CREATE TABLE document_text (
    document_id   uuid PRIMARY KEY,
    salt          bytea NOT NULL,
    code          text NOT NULL,
    subject       text NOT NULL,
    from_name     text NOT NULL,
    promulgated   text NOT NULL,
    type_name     text NOT NULL,
    description   text NOT NULL
);

CREATE TABLE delivery (
    id              uuid NOT NULL,
    document_id     uuid NOT NULL,
    kind            text NOT NULL,
    unit_id         text NOT NULL,
    system_id       uuid NOT NULL,
    addressed_as    text[] NOT NULL,
    state           text NOT NULL,
    lane            text NOT NULL,
    decision        text,
    reasons         text[] NOT NULL DEFAULT '{}',
    waits_for       uuid,
    parked_until    timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    lease_token     bigint NOT NULL DEFAULT 0,
    lease_until     timestamptz,
    created_at      timestamptz NOT NULL,
    alert_at        timestamptz,
    deadline_at     timestamptz,
    alerted_at      timestamptz,
    handed_over_at  timestamptz,
    ended_at        timestamptz,
    business_state  text,
    business_before text,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX delivery_document ON delivery (document_id);
CREATE INDEX delivery_inbox ON delivery (system_id, lane, id) WHERE state = 'queued';
CREATE INDEX delivery_leased ON delivery (lease_until) WHERE state IN ('leased', 'handed_over');
CREATE INDEX delivery_deadline ON delivery (deadline_at) WHERE state IN ('queued', 'held', 'leased', 'handed_over');
CREATE INDEX delivery_alert ON delivery (alert_at)
    WHERE alerted_at IS NULL AND state IN ('queued', 'held', 'leased', 'handed_over');
CREATE INDEX delivery_parked ON delivery (parked_until) WHERE parked_until IS NOT NULL;
-- Free-text reasons given by people, erasable and apart from the delivery's row.
CREATE TABLE delivery_text (
    delivery_id uuid NOT NULL,
    event_id    uuid PRIMARY KEY,
    document_id uuid NOT NULL,
    salt        bytea NOT NULL,
    reason      text NOT NULL
);

-- Keys of submissions (design: exactly once seen) ---------------------------------------------------

CREATE TABLE intake_key (
    system_id         uuid NOT NULL,
    kind              text NOT NULL,
    sha256            bytea NOT NULL,
    recipients_sha256 bytea NOT NULL,
    document_id       uuid NOT NULL,
    receipt           bytea NOT NULL,
    accepted_at       timestamptz NOT NULL,
    PRIMARY KEY (system_id, kind, sha256, recipients_sha256)
);
CREATE INDEX intake_key_age ON intake_key (accepted_at);
CREATE INDEX intake_key_document ON intake_key (document_id);

CREATE TABLE idempotency_key (
    system_id         uuid NOT NULL,
    key               text NOT NULL,
    sha256            bytea NOT NULL,
    recipients_sha256 bytea NOT NULL,
    accepted_at       timestamptz NOT NULL,
    PRIMARY KEY (system_id, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (accepted_at);

-- version_no is 1 but for updates, which number on from the new document: n + 1.
CREATE TABLE document_key (
    unit_id     text NOT NULL,
    document_no text NOT NULL,
    change_kind text NOT NULL,
    version_no  integer NOT NULL,
    sha256      bytea NOT NULL,
    document_id uuid NOT NULL,
    accepted_at timestamptz NOT NULL,
    PRIMARY KEY (unit_id, document_no, change_kind, version_no)
);
CREATE INDEX document_key_age ON document_key (accepted_at);

-- Verification ----------------------------------------------------------------------------------

CREATE TABLE signature_report (
    document_id uuid NOT NULL,
    position    integer NOT NULL,
    sha256      bytea NOT NULL,
    indication  text NOT NULL,
    report      jsonb NOT NULL,
    made_at     timestamptz NOT NULL,
    PRIMARY KEY (document_id, position)
);

-- Evidence (signed by the hub): non-delivery, withdrawal ----------------------------------------

CREATE TABLE evidence (
    id          uuid PRIMARY KEY,
    document_id uuid NOT NULL,
    delivery_id uuid,
    kind        text NOT NULL,
    body        bytea NOT NULL,
    made_at     timestamptz NOT NULL
);
CREATE INDEX evidence_document ON evidence (document_id);

-- Tasks are rows; messages are hints ------------------------------------------------------------

CREATE TABLE task (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL,
    lane        text NOT NULL,
    document_id uuid NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    due_at      timestamptz NOT NULL,
    lease_owner text,
    lease_token bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    last_error  text,
    created_at  timestamptz NOT NULL
);
CREATE INDEX task_due ON task (kind, lane, due_at, id);

CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      text NOT NULL,
    ref        uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Events: append-only, numbered in batches by whichever node comes first ------------------------

CREATE TABLE event (
    id          uuid NOT NULL,
    seq         bigint,
    kind        text NOT NULL,
    document_id uuid NOT NULL,
    delivery_id uuid,
    system_id   uuid,
    unit_id     text,
    body        bytea NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX event_document ON event (document_id);
CREATE INDEX event_seq ON event (seq) WHERE seq IS NOT NULL;
CREATE INDEX event_unnumbered ON event (id) WHERE seq IS NULL;

CREATE TABLE log_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seq      bigint NOT NULL DEFAULT 0
);
INSERT INTO log_head DEFAULT VALUES;

CREATE FUNCTION event_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'event rows are never deleted';
    END IF;
    IF OLD.seq IS NOT NULL
       OR (NEW.id, NEW.kind, NEW.document_id, NEW.body, NEW.at)
          IS DISTINCT FROM (OLD.id, OLD.kind, OLD.document_id, OLD.body, OLD.at) THEN
        RAISE EXCEPTION 'event rows are never changed';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION event_is_append_only();

-- What was refused: time, system, digest and code only, never content ---------------------------

CREATE TABLE refusal (
    id        uuid PRIMARY KEY,
    system_id uuid NOT NULL,
    sha256    bytea,
    code      text NOT NULL,
    field     text,
    from_code text,
    at        timestamptz NOT NULL
);
CREATE INDEX refusal_system ON refusal (system_id, at);

-- Partitions ------------------------------------------------------------------------------------

-- Monthly partitions on UUIDv7 bounds: the first 48 bits are milliseconds since 1970.
CREATE FUNCTION uuid7_floor(moment timestamptz) RETURNS uuid
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0')
            || '00000000000000000000')::uuid
    $$;

CREATE FUNCTION ensure_partitions(from_month date, months integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    family text;
    lower_month timestamptz;
    upper_month timestamptz;
    part text;
    made integer := 0;
BEGIN
    FOREACH family IN ARRAY ARRAY['document', 'delivery', 'event'] LOOP
        FOR i IN 0 .. months - 1 LOOP
            lower_month := (date_trunc('month', from_month::timestamp) + make_interval(months => i)) AT TIME ZONE 'UTC';
            upper_month := (date_trunc('month', from_month::timestamp) + make_interval(months => i + 1)) AT TIME ZONE 'UTC';
            part := family || '_' || to_char(lower_month AT TIME ZONE 'UTC', 'YYYY_MM');
            IF to_regclass(part) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                               part, family, uuid7_floor(lower_month), uuid7_floor(upper_month));
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

-- Ids from a wrong clock still find a place; the janitor alarms when a default partition has rows.
CREATE TABLE document_other PARTITION OF document DEFAULT;
CREATE TABLE delivery_other PARTITION OF delivery DEFAULT;
CREATE TABLE event_other PARTITION OF event DEFAULT;
SELECT ensure_partitions((now() AT TIME ZONE 'UTC')::date - 31, 4);
