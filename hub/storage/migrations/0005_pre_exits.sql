-- Exits: how deliveries are handed to systems that do not fetch them.

-- Settings of a system's adapter, without secrets. A system fetches, or it is pushed to: derived from the
-- adapter's name, so that nobody can forget to say so.
ALTER TABLE system
    ADD COLUMN adapter_settings jsonb NOT NULL DEFAULT '{}'::jsonb,
    ADD COLUMN pushed boolean GENERATED ALWAYS AS (adapter NOT IN ('rest-pull', 'vxp', 'bkav')) STORED;

-- Secrets of adapters, sealed under a key that is not in the database.
CREATE TABLE system_secret (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system_id  uuid NOT NULL REFERENCES system (id) ON DELETE CASCADE,
    name       text NOT NULL,
    sealed     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT hub_now(),
    expires_at timestamptz
);
CREATE INDEX system_secret_name ON system_secret (system_id, name, id);

-- The breaker of each peer, shared by all nodes. No row: closed, and nothing has ever failed.
CREATE TABLE peer (
    system_id  uuid PRIMARY KEY REFERENCES system (id) ON DELETE CASCADE,
    state      text NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'half_open')),
    failures   integer NOT NULL DEFAULT 0,
    retry_at   timestamptz,
    last_code  text,
    changed_at timestamptz NOT NULL DEFAULT hub_now()
);

-- What is queued for a pushed system has a task under the delivery's own id, and has it because of these
-- triggers: whichever statement queues a delivery (verification, release, resend, an expired lease, a matched
-- status, an insert, another system for a unit, another adapter for a system), none can forget it.
--
-- A task that a worker holds is the worker's: nothing here touches it; the worker ends or postpones it in the
-- transaction that settles its attempt.

-- Whether hints at a system's rows are worth publishing: while its breaker is open its rows simply stay due.
CREATE FUNCTION push_open(of_system uuid) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT s.state = 'active' AND (p.retry_at IS NULL OR p.retry_at <= hub_now())
    FROM system s LEFT JOIN peer p ON p.system_id = s.id WHERE s.id = of_system
    $$;

-- States in which a delivery no longer holds back what refers to it.
CREATE FUNCTION delivery_passed() RETURNS text[]
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT ARRAY['handed_over', 'confirmed', 'rejected', 'undeliverable', 'refused', 'withdrawn']
    $$;

CREATE FUNCTION push_tasks_follow_deliveries() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (SELECT FROM changed n JOIN system s ON s.id = n.system_id AND s.pushed) THEN
            RETURN NULL;
        END IF;
        WITH due AS (
            INSERT INTO task (id, kind, lane, document_id, due_at, created_at)
            SELECT n.id, 'deliver.' || n.system_id, n.lane, n.document_id, hub_now(), hub_now()
            FROM changed n JOIN system s ON s.id = n.system_id AND s.pushed
            WHERE n.state = 'queued' AND n.parked_until IS NULL
            ON CONFLICT (id) DO NOTHING
            RETURNING id, kind, lane
        )
        INSERT INTO outbox (topic, ref)
        SELECT d.kind || '.' || d.lane, d.id FROM due d JOIN changed n ON n.id = d.id WHERE push_open(n.system_id);
        RETURN NULL;
    END IF;

    IF NOT EXISTS (SELECT FROM system s WHERE s.pushed AND (s.id IN (SELECT n.system_id FROM changed n)
                                                         OR s.id IN (SELECT o.system_id FROM before o))) THEN
        RETURN NULL;
    END IF;

    -- What may no longer be handed over, or not by this system.
    DELETE FROM task t USING changed n JOIN system s ON s.id = n.system_id
    WHERE t.id = n.id AND (t.lease_until IS NULL OR t.lease_until < hub_now())
      AND (n.state <> 'queued' OR n.parked_until IS NOT NULL OR NOT s.pushed);

    -- What may be handed over from now on.
    WITH ready AS (
        SELECT n.id, n.system_id, n.lane, n.document_id
        FROM changed n JOIN before o ON o.id = n.id JOIN system s ON s.id = n.system_id AND s.pushed
        WHERE n.state = 'queued' AND n.parked_until IS NULL
          AND (o.state, o.parked_until, o.system_id) IS DISTINCT FROM (n.state, n.parked_until, n.system_id)
    ), due AS (
        INSERT INTO task (id, kind, lane, document_id, due_at, created_at)
        SELECT r.id, 'deliver.' || r.system_id, r.lane, r.document_id, hub_now(), hub_now() FROM ready r
        ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, lane = excluded.lane, due_at = excluded.due_at
            WHERE task.lease_until IS NULL OR task.lease_until < hub_now()
        RETURNING id, kind, lane
    )
    INSERT INTO outbox (topic, ref)
    SELECT d.kind || '.' || d.lane, d.id FROM due d JOIN ready r ON r.id = d.id WHERE push_open(r.system_id);

    -- What has waited for one of these.
    WITH passed AS (
        SELECT n.id FROM changed n JOIN before o ON o.id = n.id
        WHERE (n.handed_over_at IS NOT NULL OR n.state = ANY (delivery_passed()))
          AND NOT (o.handed_over_at IS NOT NULL OR o.state = ANY (delivery_passed()))
    ), woken AS (
        UPDATE task t SET due_at = least(t.due_at, hub_now())
        FROM passed p JOIN delivery w ON w.waits_for = p.id
        WHERE t.id = w.id AND (t.lease_until IS NULL OR t.lease_until < hub_now())
        RETURNING t.id, t.kind, t.lane, w.system_id
    )
    INSERT INTO outbox (topic, ref)
    SELECT kind || '.' || lane, id FROM woken WHERE push_open(system_id);
    RETURN NULL;
END
$$;

CREATE TRIGGER push_tasks_on_insert AFTER INSERT ON delivery
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION push_tasks_follow_deliveries();
CREATE TRIGGER push_tasks_on_update AFTER UPDATE ON delivery
    REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION push_tasks_follow_deliveries();
CREATE INDEX delivery_waits ON delivery (waits_for) WHERE waits_for IS NOT NULL;

-- A system that comes to be pushed to takes its open deliveries along; one that fetches again leaves no task.
CREATE FUNCTION push_tasks_follow_adapter() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.pushed THEN
        INSERT INTO task (id, kind, lane, document_id, due_at, created_at)
        SELECT d.id, 'deliver.' || d.system_id, d.lane, d.document_id, hub_now(), hub_now()
        FROM delivery d WHERE d.system_id = NEW.id AND d.state = 'queued' AND d.parked_until IS NULL
        ON CONFLICT (id) DO NOTHING;
    ELSE
        DELETE FROM task t
        WHERE t.kind = 'deliver.' || NEW.id AND (t.lease_until IS NULL OR t.lease_until < hub_now());
        INSERT INTO outbox (topic, ref) VALUES ('inbox', NEW.id);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER push_tasks_on_adapter AFTER UPDATE OF adapter ON system
    FOR EACH ROW WHEN (OLD.pushed IS DISTINCT FROM NEW.pushed)
    EXECUTE FUNCTION push_tasks_follow_adapter();

-- A unit that is unlocked, or spoken for again, is served at once.
CREATE FUNCTION push_tasks_follow_agencies() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE task t SET due_at = least(t.due_at, hub_now())
    FROM changed n JOIN before o ON o.unit_id = n.unit_id
    JOIN delivery d ON d.unit_id = n.unit_id AND d.state = 'queued'
    WHERE (o.state, o.system_id) IS DISTINCT FROM (n.state, n.system_id)
      AND t.id = d.id AND (t.lease_until IS NULL OR t.lease_until < hub_now());
    RETURN NULL;
END
$$;
CREATE TRIGGER push_tasks_on_agency AFTER UPDATE ON agency
    REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION push_tasks_follow_agencies();
