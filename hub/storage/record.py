"""A change and everything that goes with it, written by one statement.

State, event and hints belong together (design section 2, invariant 2). Written as one statement they also
cost one round trip, whatever their number: a document to a thousand recipients and one to a single one
take the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.ports.records import Change, DeliveryRecord, EvidenceRow, Hint, NewEvent, NewTask
from hub.storage.connection import Connection

RECORD = """
WITH saved AS (
    UPDATE delivery d SET
        state = n.state, decision = n.decision,
        reasons = CASE WHEN n.reasons = '' THEN '{}'::text[] ELSE string_to_array(n.reasons, E'\\n') END,
        waits_for = n.waits_for, parked_until = n.parked_until, attempts = n.attempts,
        lease_token = n.lease_token, lease_until = n.lease_until, alert_at = n.alert_at,
        alerted_at = CASE WHEN d.alert_at IS DISTINCT FROM n.alert_at THEN NULL ELSE d.alerted_at END,
        deadline_at = n.deadline_at, handed_over_at = n.handed_over_at, ended_at = n.ended_at,
        business_state = n.business_state, business_before = n.business_before, request_id = n.request_id,
        -- What is offered (again) is for the system that speaks for the unit by now.
        system_id = CASE n.state WHEN 'queued' THEN coalesce(
            (SELECT a.system_id FROM agency a WHERE a.unit_id = d.unit_id), d.system_id) ELSE d.system_id END
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[], $7::integer[],
                $8::bigint[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[],
                $13::timestamptz[], $14::text[], $15::text[], $40::uuid[])
         AS n(id, state, decision, reasons, waits_for, parked_until, attempts, lease_token, lease_until,
              alert_at, deadline_at, handed_over_at, ended_at, business_state, business_before, request_id)
    WHERE d.id = n.id
), made AS (
    INSERT INTO delivery (id, document_id, kind, unit_id, system_id, addressed_as, state, lane, created_at,
                          alert_at, deadline_at, business_state, redirected_from)
    SELECT m.id, m.document_id, m.kind, m.unit_id, m.system_id, string_to_array(m.addressed, E'\\n'), m.state,
           m.lane, m.created_at, m.alert_at, m.deadline_at, m.business_state, m.redirected_from
    FROM unnest($41::uuid[], $42::uuid[], $43::text[], $44::text[], $45::uuid[], $46::text[], $47::text[],
                $48::text[], $49::timestamptz[], $50::timestamptz[], $51::timestamptz[], $52::text[],
                $53::uuid[])
         AS m(id, document_id, kind, unit_id, system_id, addressed, state, lane, created_at, alert_at,
              deadline_at, business_state, redirected_from)
), told AS (
    INSERT INTO event (id, kind, document_id, delivery_id, system_id, unit_id, body, at)
    SELECT * FROM unnest($16::uuid[], $17::text[], $18::uuid[], $19::uuid[], $20::uuid[], $21::text[],
                         $22::bytea[], $23::timestamptz[])
), reasoned AS (
    INSERT INTO delivery_text (event_id, delivery_id, document_id, salt, reason)
    SELECT * FROM unnest($24::uuid[], $25::uuid[], $26::uuid[], $27::bytea[], $28::text[])
), hinted AS (
    INSERT INTO outbox (topic, ref) SELECT * FROM unnest($29::text[], $30::uuid[])
), evident AS (
    INSERT INTO evidence (id, document_id, delivery_id, kind, body, made_at)
    SELECT e.id, e.document_id, e.delivery_id, e.kind, e.body, hub_now()
    FROM unnest($31::uuid[], $32::uuid[], $33::uuid[], $34::text[], $35::bytea[])
         AS e(id, document_id, delivery_id, kind, body)
)
INSERT INTO task (id, kind, lane, document_id, due_at, created_at)
SELECT t.id, t.kind, t.lane, t.document_id, hub_now(), hub_now()
FROM unnest($36::uuid[], $37::text[], $38::text[], $39::uuid[]) AS t(id, kind, lane, document_id)
"""


async def record(connection: Connection, change: Change) -> None:
    """Write a change; does nothing for an empty one."""
    if not change:
        return
    await connection.execute(
        RECORD,
        *_deliveries(change.deliveries),
        *_events(change.events),
        *_reasons([e for e in change.events if e.reason is not None]),
        *_hints(change.hints),
        *_evidence(change.evidence),
        *_tasks(change.tasks),
        [d.request_id for d in change.deliveries],
        *_made(change.made),
    )


def _deliveries(rows: Sequence[DeliveryRecord]) -> tuple[list[object], ...]:
    return (
        [r.id for r in rows],
        [r.state.value for r in rows],
        [r.decision for r in rows],
        # Reasons are codes: no line ends in them.
        ["\n".join(r.reasons) for r in rows],
        [r.waits_for for r in rows],
        [r.parked_until for r in rows],
        [r.attempts for r in rows],
        [r.lease_token for r in rows],
        [r.lease_until for r in rows],
        [r.alert_at for r in rows],
        [r.deadline_at for r in rows],
        [r.handed_over_at for r in rows],
        [r.ended_at for r in rows],
        [r.business_state for r in rows],
        [r.business_before for r in rows],
    )


def _made(rows: Sequence[DeliveryRecord]) -> tuple[list[object], ...]:
    return (
        [r.id for r in rows],
        [r.document_id for r in rows],
        [r.kind.value for r in rows],
        [r.unit_id for r in rows],
        [r.system_id for r in rows],
        ["\n".join(r.addressed_as) for r in rows],
        [r.state.value for r in rows],
        [r.lane.value for r in rows],
        [r.created_at for r in rows],
        [r.alert_at for r in rows],
        [r.deadline_at for r in rows],
        [r.business_state for r in rows],
        [r.redirected_from for r in rows],
    )


def _events(rows: Sequence[NewEvent]) -> tuple[list[object], ...]:
    return (
        [e.id for e in rows],
        [e.kind for e in rows],
        [e.document_id for e in rows],
        [e.delivery_id for e in rows],
        [e.system_id for e in rows],
        [e.unit_id for e in rows],
        [e.body for e in rows],
        [e.at for e in rows],
    )


def _reasons(rows: Sequence[NewEvent]) -> tuple[list[object], ...]:
    return (
        [e.id for e in rows],
        [e.delivery_id or e.document_id for e in rows],
        [e.document_id for e in rows],
        [e.salt for e in rows],
        [e.reason for e in rows],
    )


def _hints(rows: Sequence[Hint]) -> tuple[list[object], ...]:
    return [h.topic for h in rows], [h.ref for h in rows]


def _evidence(rows: Sequence[EvidenceRow]) -> tuple[list[object], ...]:
    return (
        [e.id for e in rows],
        [e.document_id for e in rows],
        [e.delivery_id for e in rows],
        [e.kind for e in rows],
        [e.body for e in rows],
    )


def _tasks(rows: Sequence[NewTask]) -> tuple[list[object], ...]:
    return (
        [t.id for t in rows],
        [t.kind for t in rows],
        [t.lane.value for t in rows],
        [t.document_id for t in rows],
    )
