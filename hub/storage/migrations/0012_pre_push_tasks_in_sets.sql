-- The triggers that keep tasks of pushing compared the rows of a statement before and after it by a join, whose
-- plan is made once, while statements change a row or two, and then runs for every row against every other: a
-- letter to a thousand units, half of them at pushed systems, took two seconds to be queued, and grew with the
-- square: two thousand were beyond the time limit of a statement. Said with NOT IN, it is a look-up in a hash
-- however many rows there are. What the triggers do is the same as before.
CREATE OR REPLACE FUNCTION push_tasks_follow_deliveries() RETURNS trigger
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
        SELECT d.kind || '.' || d.lane, d.id FROM due d WHERE push_open(split_part(d.kind, '.', 2)::uuid);
        RETURN NULL;
    END IF;

    IF NOT EXISTS (SELECT FROM system s WHERE s.pushed AND (s.id IN (SELECT n.system_id FROM changed n)
                                                         OR s.id IN (SELECT o.system_id FROM before o))) THEN
        RETURN NULL;
    END IF;

    -- What may no longer be handed over, or not by this system.
    DELETE FROM task t
    WHERE t.id = ANY (ARRAY(
            SELECT n.id FROM changed n JOIN system s ON s.id = n.system_id
            WHERE n.state <> 'queued' OR n.parked_until IS NOT NULL OR NOT s.pushed))
      AND (t.lease_until IS NULL OR t.lease_until < hub_now());

    -- What may be handed over from now on, and could not before.
    WITH due AS (
        INSERT INTO task (id, kind, lane, document_id, due_at, created_at)
        SELECT n.id, 'deliver.' || n.system_id, n.lane, n.document_id, hub_now(), hub_now()
        FROM changed n JOIN system s ON s.id = n.system_id AND s.pushed
        WHERE n.state = 'queued' AND n.parked_until IS NULL
          AND (n.id, n.system_id) NOT IN (
              SELECT o.id, o.system_id FROM before o WHERE o.state = 'queued' AND o.parked_until IS NULL)
        ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, lane = excluded.lane, due_at = excluded.due_at
            WHERE task.lease_until IS NULL OR task.lease_until < hub_now()
        RETURNING id, kind, lane
    )
    INSERT INTO outbox (topic, ref)
    SELECT d.kind || '.' || d.lane, d.id FROM due d WHERE push_open(split_part(d.kind, '.', 2)::uuid);

    -- What has waited for one of these.
    WITH passed AS (
        SELECT n.id FROM changed n
        WHERE (n.handed_over_at IS NOT NULL OR n.state = ANY (delivery_passed()))
          AND n.id NOT IN (
              SELECT o.id FROM before o WHERE o.handed_over_at IS NOT NULL OR o.state = ANY (delivery_passed()))
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
