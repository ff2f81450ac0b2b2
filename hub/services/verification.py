"""Verification of an accepted document: once per document, then a decision per delivery.

The task row says that a document is to be verified; whoever holds its lease takes the attachments out
of the stored original, has each one verified in a worker process and writes, in one transaction, the
reports, the decision per delivery, the events and the wake-ups, and deletes the task. A lease that was
lost in between means that another worker has the task: everything is rolled back.

Attempts are counted by the claim, before the work starts: verification never blocks or loses a document
(design section 2, invariant 7). What cannot be checked because the hub itself is in trouble (blob store
away, database away) is not a verdict: the task is due again later. A verdict that waits for an authority's
answer is a verdict: the document goes on, and a second look is due later (`second_looks`).

A mark of state secrecy alone on a line of a PDF's first page is seen here, after acceptance: nothing is
delivered, the bodies are destroyed, an alarm is raised (design section 6).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

import structlog

from hub.domain.acceptance import Acceptance, Decision, FileFact
from hub.domain.deadlines import Lane
from hub.domain.events import EventKind, EventValue
from hub.domain.second_looks import LOOKS
from hub.domain.secrecy import PAGE_FIELD
from hub.domain.transport import TRANSITIONS, DeliveryEvent, DeliveryState, advance
from hub.ports.blobs import BlobStoreError
from hub.ports.records import (
    Change,
    DeliveryRecord,
    DocumentRecord,
    Hint,
    NewEvent,
    NewTask,
    SystemRecord,
    Task,
)
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable, Transaction
from hub.ports.verification import VerifierStopped
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.evidence import non_delivery, refusal
from hub.services.examiner import Examined, Examiner
from hub.services.kit import Kit
from hub.services.sender_binding import SenderBinding
from hub.services.sender_share import SenderShares, ShareRules
from hub.services.verification_facts import file_facts, overall, policy_of, report_rows, waits

log = structlog.get_logger(__name__)

GIVE_BACK_EVERY_S: Final = 1.0
RETRY_AFTER: Final = timedelta(seconds=10)
VERIFY_AGAIN: Final = "verify_again"
DEFAULT_SHARES: Final = ShareRules()
# What the recipient is told where a first page could not be searched for marks of state secrecy.
PAGE_UNREAD: Final = "first_page_unread"

_MOVE: Final[Mapping[Decision, tuple[DeliveryEvent, EventKind]]] = {
    Decision.DELIVER: (DeliveryEvent.VERIFIED_DELIVER, EventKind.DELIVERY_QUEUED),
    Decision.DELIVER_WITH_WARNING: (DeliveryEvent.VERIFIED_DELIVER, EventKind.DELIVERY_QUEUED),
    Decision.HOLD: (DeliveryEvent.VERIFIED_HOLD, EventKind.DELIVERY_HELD),
    Decision.REFUSE: (DeliveryEvent.VERIFIED_REFUSE, EventKind.DELIVERY_REFUSED),
}


Forget: TypeAlias = Callable[[Collection[bytes]], Awaitable[None]]


class LeaseLost(Exception):
    """Another worker has the task now: roll back and stop."""


class VerificationService:
    """Works on verification tasks."""

    def __init__(
        self,
        *,
        kit: Kit,
        examiner: Examiner,
        directory: DirectorySnapshot,
        owner: str,
        shares: ShareRules = DEFAULT_SHARES,
        forget: Forget | None = None,
    ) -> None:
        """`forget` lets go of what this node remembers of files that turn out to be a state secret."""
        self._kit, self._uow, self._blobs = kit, kit.uow, kit.blobs
        self._journal, self._failpoints = kit.journal, kit.failpoints
        self._lease = kit.rules.worker_lease
        self._metrics = kit.metrics
        self._examiner, self._forget = examiner, forget
        self._binding = SenderBinding(directory)
        self._shares = SenderShares(shares, time.monotonic)
        self._owner = owner

    async def work(self, task_id: UUID) -> None:
        """Claim a task and do it; silent if it is not due or somebody else has it.

        If the process dies here, the lease ends after a minute and another worker takes the task.
        """
        task: Task | None = None
        try:
            async with self._uow.begin() as tx:
                task = await tx.tasks.claim(task_id, owner=self._owner, lease=self._lease)
            if task is not None:
                await self._work(task)
        except (DatabaseUnavailable, CommitUnknown):
            log.warning("verification_postponed", task_id=str(task_id), reason="database")
            if task is not None:
                await self._give_back(task)
        except LeaseLost:
            log.warning("verification_lease_lost", task_id=str(task_id))

    async def _work(self, task: Task) -> None:
        async with self._uow.read() as query:
            document = await query.documents.get(task.document_id)
        if document is None:
            await self._postpone(task, "document_missing")
            return
        if self._shares.is_taken(document.system_id):
            await self._postpone(task, "sender_busy")
            return
        with self._metrics.verification_seconds.time(), self._shares.one(document.system_id):
            outcome = await self._examiner.under_lease(task, document, attempts=task.attempts)
        if isinstance(outcome, Examined):
            await self.decide(task, document, outcome)
            self._metrics.verifications.labels(overall(outcome.reports).value).inc()
        elif isinstance(outcome, VerifierStopped):
            # This node is going down: another one, or the next start, takes the task at once.
            await self._postpone(task, VerifierStopped.code, delay=timedelta(0))
        else:
            log.warning("original_unavailable", document_id=str(document.id), error=type(outcome).__name__)
            await self._postpone(task, type(outcome).__name__)

    async def decide(self, task: Task, document: DocumentRecord, findings: Examined) -> None:
        """Write what was found, decide about what waits, and end the task. Raises `LeaseLost`."""
        await self._binding.prepare()
        async with self._uow.begin() as tx:
            deliveries = await tx.deliveries.lock_of_document(document.id)
            waiting = [d for d in deliveries if d.state is DeliveryState.AWAITING_VERIFICATION]
            systems = await tx.systems.many([d.system_id for d in waiting])
            now = await tx.deliveries.hub_time()
            bound = await self._binding.bind(tx, document, findings.reports, now=now)
            facts = file_facts([f.name for f in findings.files], bound.reports, bound.bonds)
            findings = replace(findings, reports=bound.reports)
            finished = self._journal.document(
                EventKind.VERIFICATION_FINISHED,
                document,
                at=now,
                facts={"verdict": overall(findings.reports).value},
            )
            if findings.secret:
                moved = await self._destroy(tx, document, deliveries, now)
            else:
                rows = report_rows(findings.files, findings.reports)
                await tx.documents.set_verified(document.id, overall(findings.reports).value, rows)
                await tx.certificates.propose(bound.learnt)
                if any(waits(report) for report in findings.reports):
                    await tx.tasks.later(look_of(document), after=LOOKS[0])
                unread = PAGE_UNREAD if findings.page_unread else None
                moved = [self._judge(d, facts, systems, now, unread) for d in waiting]
            ready = {d.system_id for d, _ in moved if d.state is DeliveryState.QUEUED}
            evidence = [
                non_delivery(self._kit, document, delivery, "secrecy_mark", at=now)
                if findings.secret
                else refusal(self._kit, document, delivery, next(iter(delivery.reasons), "policy"), at=now)
                for delivery, _ in moved
                if delivery.state is DeliveryState.REFUSED
            ]
            await tx.record(
                Change(
                    deliveries=[delivery for delivery, _ in moved],
                    events=[finished, *(event for _, event in moved)],
                    hints=[Hint(topic="inbox", ref=system_id) for system_id in sorted(ready)],
                    evidence=evidence,
                )
            )
            self._failpoints.hit("after_verify_before_commit")
            if not await tx.tasks.finish(task):
                raise LeaseLost
        if findings.secret:
            await self._unlink(document)

    def _judge(
        self,
        delivery: DeliveryRecord,
        facts: Sequence[FileFact],
        systems: Mapping[UUID, SystemRecord],
        now: datetime,
        unread: str | None,
    ) -> tuple[DeliveryRecord, NewEvent]:
        acceptance: Acceptance = policy_of(systems.get(delivery.system_id)).evaluate(facts)
        codes = tuple(dict.fromkeys(reason.code for reason in acceptance.reasons))
        decision = acceptance.decision
        if unread is not None:
            # Never blocked for what could not be examined, but the recipient is told.
            codes = (*codes, unread)
            decision = Decision.DELIVER_WITH_WARNING if decision is Decision.DELIVER else decision
        event, kind = _MOVE[decision]
        state = advance(delivery.state, event)
        moved = replace(
            delivery,
            state=state,
            decision=decision.value,
            reasons=codes,
            ended_at=now if state is DeliveryState.REFUSED else None,
        )
        told: dict[str, EventValue] = {"decision": decision.value}
        if codes:
            told["reason"] = codes[0]
        return moved, self._journal.delivery(kind, moved, at=now, facts=told)

    async def _destroy(
        self, tx: Transaction, document: DocumentRecord, deliveries: Sequence[DeliveryRecord], now: datetime
    ) -> list[tuple[DeliveryRecord, NewEvent]]:
        log.error("state_secret_found", document_id=str(document.id), field=PAGE_FIELD)
        await tx.documents.forget_body(document.id)
        await tx.verdicts.forget([each.sha256 for each in document.attachments])
        moved = []
        for delivery in deliveries:
            if (delivery.state, DeliveryEvent.SECRECY_FOUND) not in TRANSITIONS:
                continue  # withdrawn, refused or confirmed already: there is nothing left to stop
            state = advance(delivery.state, DeliveryEvent.SECRECY_FOUND)
            refused = replace(
                delivery, state=state, decision="refuse", reasons=("secrecy_mark",), ended_at=now
            )
            facts: dict[str, EventValue] = {"reason": "secrecy_mark", "field": PAGE_FIELD}
            event = self._journal.delivery(EventKind.SECRECY_FOUND, refused, at=now, facts=facts)
            moved.append((refused, event))
        return moved

    async def _unlink(self, document: DocumentRecord) -> None:
        # After the commit: if the process dies here, the janitor finds blobs whose row says "secret".
        if self._forget is not None:
            await self._forget([each.sha256 for each in document.attachments])
        blob_ids = [document.blob_id]
        if document.rendition is not None:
            blob_ids.append(document.rendition.blob_id)
        for blob_id in blob_ids:
            try:
                await self._blobs.delete(blob_id)
            except BlobStoreError as error:
                log.critical("secret_not_unlinked", blob_id=str(blob_id), error=type(error).__name__)

    async def _give_back(self, task: Task) -> None:
        # The database went away in the middle. It is mostly back before the lease ends: nobody should have
        # to wait for that. A task that was finished after all is gone, and this changes nothing.
        for _ in range(round(self._lease.total_seconds() / GIVE_BACK_EVERY_S)):
            with suppress(DatabaseUnavailable, CommitUnknown):
                await self._postpone(task, "database_unavailable", delay=timedelta(0))
                return
            await asyncio.sleep(GIVE_BACK_EVERY_S)

    async def _postpone(self, task: Task, error: str, *, delay: timedelta = RETRY_AFTER) -> None:
        async with self._uow.begin() as tx:
            await tx.tasks.postpone(task, delay=delay, error=error)


def look_of(document: DocumentRecord) -> NewTask:
    """The task of looking again at a document: one, however often it is asked for."""
    return NewTask(id=document.id, kind=VERIFY_AGAIN, lane=Lane.NORMAL, document_id=document.id)
