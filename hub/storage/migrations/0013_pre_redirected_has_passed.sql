-- A delivery that was redirected has ended, too: what refers to it waited for it at pushed systems until its own
-- deadline, and was never handed over.
CREATE OR REPLACE FUNCTION delivery_passed() RETURNS text[]
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT ARRAY['handed_over', 'confirmed', 'rejected', 'undeliverable', 'refused', 'withdrawn', 'redirected']
    $$;
