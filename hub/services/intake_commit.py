"""The one transaction of an intake, and the questions that come before it.

In at most six round trips, whatever the number of recipients: claim the keys, insert the document with
all its deliveries, write events, hints, tasks and evidence. Either all of it is committed or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from hub.domain.directory import RecipientResult, Resolution
from hub.domain.events import EventKind, EventValue, code_or_digest
from hub.domain.problems import Refusal
from hub.domain.receipt import ReceiptPayload, RenditionFact, canonical
from hub.domain.submission import ChangeKind, DocumentKey, MessageKind, SubmissionKey, document_key_for
from hub.domain.transport import DeliveryState
from hub.ports.records import Change, DocumentRecord, EvidenceRow, Hint, NewEvent, NewTask
from hub.ports.relay import MessageKey
from hub.ports.unit_of_work import KeyClaim, Transaction
from hub.services.access import Caller
from hub.services.business_effects import RECALL, effects_of
from hub.services.evidence import unreachable
from hub.services.intake_plan import Facts, Plan
from hub.services.kit import Kit
from hub.services.receive import Received
from hub.services.relay_route import Arrival
from hub.services.rendition import STRICT_DIALECT
from hub.services.withdrawal import withdraw, withdrawable

UPDATE_DOC_TYPE: Final = 2
VERIFY: Final = "verify"


class _AlreadyAccepted(Exception):
    # A racing call took in the same submission: what this one had claimed is rolled back.
    pass


class VersionTaken(Exception):
    """Another update of the same document took the version number at the same moment: try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One message on its way in."""

    caller: Caller
    received: Received
    facts: Facts
    key: SubmissionKey
    idempotency_key: str | None
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

    async def next_version(self, submission: Submission, from_unit: str) -> int:
        """Return the version number of this message: 1, or for an update one more than the last."""
        if submission.facts.doc_type != UPDATE_DOC_TYPE:
            return 1
        async with self._uow.read() as query:
            return await query.intake.next_version(from_unit, submission.facts.document_no)

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
        self, submission: Submission, plan: Plan, resolution: Resolution, snapshot_id: str
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
                await self._reserve(tx, submission, plan.document, receipt)
                await self._note_arrival(tx, submission, plan.document)
                await tx.intake.insert(plan.document, plan.text, plan.deliveries)
                await tx.record(await self._change(tx, plan))
                self._failpoints.hit("before_commit")
        except _AlreadyAccepted:
            return None
        return receipt

    async def _reserve(
        self, tx: Transaction, submission: Submission, document: DocumentRecord, receipt: bytes
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
        events = [self._accepted(document)]
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
        withdrawn = await self._withdrawn_by(tx, plan)
        if withdrawn:
            return replace(withdrawn, events=[*events, *told, *withdrawn.events])
        moved, effects = await effects_of(tx, self._journal, document, plan.concerned, at=at)
        return Change(
            deliveries=moved,
            events=[*events, *told, *effects],
            hints=hints,
            evidence=evidence,
            tasks=tasks,
        )

    async def _withdrawn_by(self, tx: Transaction, plan: Plan) -> Change:
        # A recall (13) of what has not left the hub: the document is withdrawn, and the recipient, who
        # never saw it, is not asked for it.
        message = plan.document
        if message.status_code != RECALL or message.refers_to is None:
            return Change()
        recalled = await tx.documents.get(message.refers_to)
        rows = await tx.deliveries.lock_of_units(message.refers_to, plan.concerned)
        still_here = withdrawable(rows)
        if recalled is None or not still_here:
            return Change()
        reason = plan.text.description or RECALL
        change = withdraw(self._kit, recalled, still_here, reason=reason, now=message.accepted_at)
        own = [
            replace(d, state=DeliveryState.WITHDRAWN, ended_at=message.accepted_at) for d in plan.deliveries
        ]
        told = [self._journal.delivery(EventKind.DELIVERY_WITHDRAWN, d, at=message.accepted_at) for d in own]
        return replace(change, deliveries=[*change.deliveries, *own], events=[*change.events, *told])

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


def _document_key(facts: Facts, from_unit: str) -> DocumentKey | None:
    if facts.doc_type is None:
        return None
    return document_key_for(facts.doc_type, unit_id=from_unit, document_no=facts.document_no)


def _conflict(facts: Facts) -> Refusal:
    return Refusal("document_conflict", params={"document_no": facts.document_no})
