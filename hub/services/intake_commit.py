"""The one transaction of an intake, and the questions that come before it.

In at most six round trips, whatever the number of recipients: claim the keys, insert the document with
all its deliveries, write events, hints, tasks and evidence. Either all of it is committed or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from hub.domain.directory import RecipientResult, Resolution
from hub.domain.events import EventKind, EventValue, code_or_digest
from hub.domain.problems import Refusal
from hub.domain.receipt import ReceiptPayload, RenditionFact, canonical
from hub.domain.submission import ChangeKind, DocumentKey, MessageKind, SubmissionKey, document_key_for
from hub.domain.transport import DeliveryState
from hub.ports.records import (
    Change,
    DeliveryRecord,
    DocumentRecord,
    EvidenceRow,
    Hint,
    NewEvent,
    NewTask,
)
from hub.ports.relay import MessageKey
from hub.ports.unit_of_work import KeyClaim, NextVersion, Transaction
from hub.services.access import Caller
from hub.services.business_effects import RECALL, effects_of
from hub.services.changes import UPDATE
from hub.services.evidence import unreachable
from hub.services.intake_plan import Facts, Plan
from hub.services.kit import Kit
from hub.services.receive import Received
from hub.services.relay_route import Arrival
from hub.services.rendition import STRICT_DIALECT
from hub.services.withdrawal import withdraw, withdrawable

VERIFY: Final = "verify"


class _AlreadyAccepted(Exception):
    # A racing call took in the same submission: what this one had claimed is rolled back.
    pass


class VersionTaken(Exception):
    """Another update of the same document took the version number at the same moment: try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One message on its way in.

    An order given in fields goes by a `key` of its own; `body_key` is that of the message written for it,
    under which earlier versions of the hub kept it. `about` is the document that such a status is about.
    """

    caller: Caller
    received: Received
    facts: Facts
    key: SubmissionKey
    idempotency_key: str | None
    body_key: SubmissionKey | None = None
    about: UUID | None = None
    arrival: Arrival | None = None
    content_sha256: bytes | None = None
    in_parts: bool = False
    """The sender has named some of the recipients: the same message may have gone to others before."""

    def message_key(self, from_unit: str) -> MessageKey:
        """Return the key of a message from outside: what it says, from whom; only if it is an arrival."""
        assert self.content_sha256 is not None  # set for every arrival
        facts = self.facts
        return MessageKey(
            system_id=self.caller.system_id,
            kind=facts.kind,
            from_unit=from_unit,
            document_no=facts.document_no,
            change=str(facts.doc_type) if facts.status_code is None else facts.status_code,
            content_sha256=self.content_sha256,
        )


class IntakeCommit:
    """Writes an accepted message."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._uow = kit.uow
        self._sealer = kit.sealer
        self._journal = kit.journal
        self._ids = kit.ids
        self._failpoints = kit.failpoints
        self._hub_code = kit.hub_code

    async def next_version(self, submission: Submission, from_units: Sequence[str]) -> NextVersion:
        """Return the version that this message is: 1, or for an update one more than the last of its family.

        An update may bear a number of its own: it counts on from the document that it names.
        """
        facts = submission.facts
        if facts.doc_type != UPDATE:
            return NextVersion(version_no=1, family_no=facts.document_no)
        async with self._uow.read() as query:
            return await query.intake.next_version(from_units, facts.namings[0].number)

    async def refuse_conflict(self, submission: Submission, from_unit: str) -> None:
        """Refuse early what the document key will refuse: another body under the same number.

        Raises:
            Refusal: `document_conflict`.
        """
        key = _document_key(submission.facts, from_unit)
        if key is None:
            return
        async with self._uow.read() as query:
            other = await query.intake.conflicting(key)
        # The same body is no conflict: a racing call has just accepted this very submission.
        if other is not None and other != submission.key.sha256:
            raise _conflict(submission.facts)

    async def commit(
        self, submission: Submission, plan: Plan, resolution: Resolution, *, snapshot_id: str, family_no: str
    ) -> bytes | None:
        """Write everything in one transaction and return the receipt.

        Returns None if the same submission was accepted by a racing call: its receipt is the answer.
        If the process dies before COMMIT nothing has happened; the blob is garbage.

        Raises:
            Refusal: `document_conflict`, `idempotency_conflict`.
            VersionTaken, DatabaseUnavailable, CommitUnknown.
        """
        receipt = self._receipt(submission, plan.document, resolution, snapshot_id)
        try:
            async with self._uow.begin() as tx:
                await self._reserve(tx, submission, plan.document, receipt, family_no)
                await self._note_arrival(tx, submission, plan.document)
                await tx.intake.insert(plan.document, plan.text, plan.deliveries, plan.links)
                await tx.record(await self._change(tx, plan))
                self._failpoints.hit("before_commit")
        except _AlreadyAccepted:
            return None
        return receipt

    async def _reserve(
        self,
        tx: Transaction,
        submission: Submission,
        document: DocumentRecord,
        receipt: bytes,
        family_no: str,
    ) -> None:
        key = _document_key(submission.facts, document.from_unit)
        update = key is None and document.kind is MessageKind.DOCUMENT
        if update:
            key = DocumentKey(
                unit_id=document.from_unit, document_no=document.document_no, change_kind=ChangeKind.UPDATE
            )
        taken = await tx.intake.reserve(
            KeyClaim(
                submission=submission.key,
                document=key,
                version_no=document.version_no,
                family_no=family_no if update else None,
                idempotency_key=submission.idempotency_key,
                document_id=document.id,
                receipt=receipt,
                accepted_at=document.accepted_at,
            )
        )
        if taken.submission:
            raise _AlreadyAccepted
        if taken.idempotency:
            raise Refusal("idempotency_conflict")
        if taken.document and not await self._is_another_part(tx, submission, key):
            raise VersionTaken if update else _conflict(submission.facts)

    async def _is_another_part(
        self, tx: Transaction, submission: Submission, key: DocumentKey | None
    ) -> bool:
        if not submission.in_parts or key is None:
            return False
        return await tx.intake.conflicting(key) == submission.key.sha256

    async def _note_arrival(self, tx: Transaction, submission: Submission, document: DocumentRecord) -> None:
        if submission.arrival is None:
            return
        key = submission.message_key(document.from_unit)
        if not await tx.relay.note(key, document.id, document.accepted_at):
            raise _AlreadyAccepted

    async def _change(self, tx: Transaction, plan: Plan) -> Change:
        document, at = plan.document, plan.document.accepted_at
        events = [self._accepted(document), *self._versioned(document)]
        hints: list[Hint] = []
        tasks: list[NewTask] = []
        if document.kind is MessageKind.DOCUMENT:
            task = NewTask(id=self._ids.new(), kind=VERIFY, lane=document.lane, document_id=document.id)
            tasks.append(task)
            hints.append(Hint(topic=f"{VERIFY}.{document.lane}", ref=task.id))
        parked = [d for d in plan.deliveries if d.parked_until is not None]
        events += [self._journal.delivery(EventKind.STATUS_PARKED, d, at=at) for d in parked]
        ready = [d for d in plan.deliveries if d.state is DeliveryState.QUEUED and d.parked_until is None]
        hints += [Hint(topic="inbox", ref=d.system_id) for d in ready]
        evidence, told = self._undeliverable(document, plan.undeliverable)
        asked = {each.delivery.id: each for each in plan.reference.asked}
        rows = await tx.deliveries.lock_many(asked) if asked else ()
        # A recall (13), or an update that drops a recipient, of what has not left the hub: it is withdrawn.
        wanted_back = [row for row in rows if asked[row.id].take_back]
        taken_back = withdrawable(wanted_back, of_document=await _all_of(tx, wanted_back))
        withdrawn = await self._withdraw(tx, plan, taken_back)
        gone = {row.id for row in taken_back}
        moved, effects = effects_of(
            self._journal,
            document,
            [row for row in rows if row.id not in gone],
            requests={delivery_id: each.request for delivery_id, each in asked.items()},
            at=at,
        )
        own = self._needless(plan) if gone and len(gone) == len(rows) else Change()
        if own:
            hints = []
        return Change(
            deliveries=[*withdrawn.deliveries, *own.deliveries, *moved],
            events=[*events, *told, *withdrawn.events, *own.events, *effects],
            hints=hints,
            evidence=[*evidence, *withdrawn.evidence],
            tasks=tasks,
        )

    async def _withdraw(self, tx: Transaction, plan: Plan, rows: Sequence[DeliveryRecord]) -> Change:
        deliveries: list[DeliveryRecord] = []
        events: list[NewEvent] = []
        evidence: list[EvidenceRow] = []
        reason = plan.text.description or plan.document.status_code or "revoked"
        for document_id in dict.fromkeys(row.document_id for row in rows):
            document = await tx.documents.get(document_id)
            if document is None:
                continue
            own = [row for row in rows if row.document_id == document_id]
            change = withdraw(self._kit, document, own, reason=reason, now=plan.document.accepted_at)
            deliveries += change.deliveries
            events += change.events
            evidence += change.evidence
        return Change(deliveries=deliveries, events=events, evidence=evidence)

    def _needless(self, plan: Plan) -> Change:
        # Who never saw a document is not asked for it. A document of type 1–3 is one of its own: it goes.
        if plan.document.status_code != RECALL:
            return Change()
        at = plan.document.accepted_at
        own = [replace(d, state=DeliveryState.WITHDRAWN, ended_at=at) for d in plan.deliveries]
        events = [self._journal.delivery(EventKind.DELIVERY_WITHDRAWN, d, at=at) for d in own]
        return Change(deliveries=own, events=events)

    def _accepted(self, document: DocumentRecord) -> NewEvent:
        kind = (
            EventKind.DOCUMENT_ACCEPTED
            if document.kind is MessageKind.DOCUMENT
            else EventKind.STATUS_ACCEPTED
        )
        facts: dict[str, EventValue] = {
            "system": document.system_id,
            "version_no": document.version_no,
            "dialect": document.dialect,
            "repaired": document.needs_repair,
            "rendered": document.rendition is not None,
            "size": document.size,
        }
        if document.status_code is not None:
            facts["status_code"] = document.status_code
        return self._journal.document(kind, document, at=document.accepted_at, facts=facts)

    def _versioned(self, document: DocumentRecord) -> list[NewEvent]:
        if document.doc_type != UPDATE or document.refers_to is None:
            return []
        facts: dict[str, EventValue] = {
            "version_of": document.refers_to,
            "version_no": document.version_no,
        }
        return [
            self._journal.document(
                EventKind.DOCUMENT_VERSIONED, document, at=document.accepted_at, facts=facts
            )
        ]

    def _undeliverable(
        self, document: DocumentRecord, results: Sequence[RecipientResult]
    ) -> tuple[list[EvidenceRow], list[NewEvent]]:
        rows, events = [], []
        for result in results:
            reason = result.reason or "recipient_unknown"
            facts: dict[str, EventValue] = {"code": code_or_digest(result.code), "reason": reason}
            rows.append(unreachable(self._kit, document, result.code, reason, at=document.accepted_at))
            events.append(
                self._journal.document(
                    EventKind.RECIPIENT_UNDELIVERABLE, document, at=document.accepted_at, facts=facts
                )
            )
        return rows, events

    def _receipt(
        self, submission: Submission, document: DocumentRecord, resolution: Resolution, snapshot_id: str
    ) -> bytes:
        rendition = document.rendition
        payload = ReceiptPayload(
            # One message, one receipt: both go by the same id.
            receipt_id=document.id,
            hub=self._hub_code,
            system=submission.caller.system.name,
            from_=document.from_code,
            kind=document.kind,
            document_no=document.document_no,
            version_no=document.version_no,
            sha256=document.sha256,
            size=document.size,
            recipients=resolution.results,
            accepted_at=document.accepted_at,
            directory_snapshot=snapshot_id,
            rendition=None
            if rendition is None
            else RenditionFact(dialect=STRICT_DIALECT, sha256=rendition.sha256, size=rendition.size),
        )
        body = canonical(payload)
        jws = self._sealer.seal(body).encode()
        # Kept and sent exactly so: the readable receipt and the seal over its canonical bytes.
        return b'{"jws":"' + jws + b'","receipt":' + body + b"}"


async def _all_of(tx: Transaction, rows: Sequence[DeliveryRecord]) -> list[DeliveryRecord]:
    found: list[DeliveryRecord] = []
    for document_id in dict.fromkeys(row.document_id for row in rows):
        found += await tx.deliveries.of_document(document_id)
    return found


def _document_key(facts: Facts, from_unit: str) -> DocumentKey | None:
    if facts.doc_type is None:
        return None
    return document_key_for(facts.doc_type, unit_id=from_unit, document_no=facts.document_no)


def _conflict(facts: Facts) -> Refusal:
    return Refusal("document_conflict", params={"document_no": facts.document_no})
