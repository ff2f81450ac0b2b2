-- Who changed the directory, when and what: one row per unit that an order changed, in the order's own
-- transaction. `before` and `after` are the unit as JSON; NULL where it was not or is no more.
CREATE TABLE directory_change (
    order_id uuid NOT NULL,
    position integer NOT NULL,
    kind     text NOT NULL,
    unit_id  text NOT NULL,
    by       text NOT NULL,
    at       timestamptz NOT NULL DEFAULT hub_now(),
    before   jsonb,
    after    jsonb,
    PRIMARY KEY (order_id, position)
);
CREATE INDEX directory_change_unit ON directory_change (unit_id, at);

-- From where a system may call, beside its key: pinned client certificates and source networks.
-- Limits of its own: NULL stands for the node's.
ALTER TABLE system
    ADD COLUMN binding          jsonb NOT NULL DEFAULT '{}'::jsonb,
    ADD COLUMN intake_at_once   integer CHECK (intake_at_once BETWEEN 1 AND 10000),
    ADD COLUMN calls_per_minute integer CHECK (calls_per_minute BETWEEN 1 AND 10000000);

-- Written at most every ten minutes: whether an old key may be ended is asked by days.
ALTER TABLE api_key ADD COLUMN last_used_at timestamptz;
