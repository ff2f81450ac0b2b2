-- The relay to the national exchange: where polling stands, what came, what is told to the exchange.

-- One row per system of adapter 'national': which node polls it, and how it has gone lately.
CREATE TABLE relay_state (
    system_id       uuid PRIMARY KEY REFERENCES system (id),
    lease_owner     text,
    lease_token     bigint NOT NULL DEFAULT 0,
    lease_until     timestamptz,
    due_at          timestamptz NOT NULL DEFAULT hub_now(),
    failures        integer NOT NULL DEFAULT 0,
    last_error      text,
    last_failed_at  timestamptz,
    last_ok_at      timestamptz,
    last_mail_at    timestamptz,
    silent_since    timestamptz NOT NULL DEFAULT hub_now(),
    silence_told_at timestamptz,
    high_water      timestamptz,
    sent_due_at     timestamptz NOT NULL DEFAULT hub_now(),
    directory_due_at timestamptz NOT NULL DEFAULT hub_now(),
    directory_at    timestamptz,
    directory_note  text
);

-- One row per package of the exchange. `to_tell` is the word that the exchange is owed, `told` the last that
-- it has taken: a package is settled when they agree.
CREATE TABLE relay_package (
    system_id     uuid NOT NULL,
    package_id    text NOT NULL,
    message_type  text NOT NULL CHECK (message_type IN ('edoc', 'status')),
    state         text NOT NULL CHECK (state IN ('waiting', 'taken', 'held', 'quarantined', 'dropped')),
    to_tell       text CHECK (to_tell IN ('processing', 'done', 'fail')),
    told          text CHECK (told IN ('processing', 'done', 'fail')),
    code          text,
    from_code     text NOT NULL DEFAULT '',
    to_code       text NOT NULL DEFAULT '',
    document_id   uuid,
    blob_id       uuid,
    sha256        bytea,
    size          bigint,
    attempts      integer NOT NULL DEFAULT 0,
    due_at        timestamptz NOT NULL DEFAULT hub_now(),
    first_seen_at timestamptz NOT NULL DEFAULT hub_now(),
    changed_at    timestamptz NOT NULL DEFAULT hub_now(),
    PRIMARY KEY (system_id, package_id)
);
CREATE INDEX relay_package_owed ON relay_package (system_id, changed_at)
    WHERE to_tell IS NOT NULL AND told IS DISTINCT FROM to_tell;
CREATE INDEX relay_package_kept ON relay_package (first_seen_at) WHERE state IN ('held', 'quarantined');
CREATE INDEX relay_package_blob ON relay_package (blob_id) WHERE blob_id IS NOT NULL;

-- What was taken in from outside, by what it says and not by its bytes: the exchange writes the XML anew with
-- every delivery. Written in the transaction of the intake.
CREATE TABLE relay_message (
    system_id      uuid NOT NULL,
    kind           text NOT NULL,
    from_unit      text NOT NULL,
    document_no    text NOT NULL,
    change         text NOT NULL,
    content_sha256 bytea NOT NULL,
    document_id    uuid NOT NULL,
    accepted_at    timestamptz NOT NULL,
    PRIMARY KEY (system_id, kind, from_unit, document_no, change, content_sha256)
);
CREATE INDEX relay_message_age ON relay_message (accepted_at);

-- What the exchange says of what was sent: how far each recipient outside is with it.
CREATE TABLE relay_sent (
    system_id   uuid NOT NULL,
    reference   text NOT NULL,
    code        text NOT NULL,
    state       text NOT NULL,
    seen_at     timestamptz NOT NULL DEFAULT hub_now(),
    PRIMARY KEY (system_id, reference, code)
);

-- The exchange's own id of what it took from us: one for all outside recipients of a document.
CREATE TABLE relay_reference (
    system_id   uuid NOT NULL,
    reference   text NOT NULL,
    delivery_id uuid NOT NULL,
    noted_at    timestamptz NOT NULL DEFAULT hub_now(),
    PRIMARY KEY (system_id, reference, delivery_id)
);
CREATE INDEX relay_reference_delivery ON relay_reference (delivery_id);

-- Units of the directory that came from the exchange's own; the others are never touched by it.
CREATE TABLE relay_agency (
    system_id uuid NOT NULL REFERENCES system (id) ON DELETE CASCADE,
    unit_id   text NOT NULL,
    PRIMARY KEY (system_id, unit_id)
);
