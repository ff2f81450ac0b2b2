"""Second looks: verdicts that waited for somebody's answer are asked for again, while the document goes its
way.

A verdict that could not be had for want of an authority's answer leaves a row behind, due later. Any node
takes it when it is due, one at a time, and verifies the attachments anew. What says something else than
before becomes the report's next version, the one before stays on record, and an event tells sender and
recipients. Deliveries are not moved: they were decided upon what was known, and who holds one decides with
the newer report before him. Looks end with the last open verdict, or when there have been enough
(`hub.domain.second_looks`).

Times out, crashes, no answer again: the report before stays, for it says more. If the process dies here, the
lease ends after a minute; the look counts, so that a file that kills nodes is not looked at for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import orjson
import structlog

from hub.domain.deadlines import Lane
from hub.domain.events import EventKind, EventValue
from hub.domain.second_looks import LOOKS, next_look
from hub.domain.transport import DeliveryState
from hub.ports.records import AttachmentRecord, Change, DocumentRecord, ReportRow, Task
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable, Transaction
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.examiner import Examined, Examiner
from hub.services.kit import Kit
from hub.services.sender_binding import SenderBinding
from hub.services.verification import VERIFY_AGAIN, LeaseLost, VerificationService
from hub.services.verification_facts import is_unfinished, overall_of, report_rows, waits
from signing.report import FileReport, Indication

log = structlog.get_logger(__name__)

BATCH: Final = 20
NOT_TOLD: Final = frozenset({DeliveryState.WITHDRAWN, DeliveryState.REFUSED, DeliveryState.REDIRECTED})


class SecondLooks:
    """Looks again at what is due."""

    def __init__(
        self,
        kit: Kit,
        *,
        examiner: Examiner,
        directory: DirectorySnapshot,
        verification: VerificationService,
        owner: str,
    ) -> None:
        self._uow, self._journal = kit.uow, kit.journal
        self._lease = kit.rules.worker_lease
        self._examiner, self._verification, self._owner = examiner, verification, owner
        self._binding = SenderBinding(directory)

    async def look(self) -> int:
        """Look at what is due, one after another; return how many there were."""
        async with self._uow.read() as query:
            due = await query.tasks.due(VERIFY_AGAIN, Lane.NORMAL, BATCH)
        for task_id in due:
            await self._one(task_id)
        return len(due)

    async def _one(self, task_id: UUID) -> None:
        async with self._uow.begin() as tx:
            task = await tx.tasks.claim(task_id, owner=self._owner, lease=self._lease)
            document = None if task is None else await tx.documents.get(task.document_id)
            if task is not None and (document is None or not document.body_kept):
                await tx.tasks.finish(task)
        if task is None or document is None or not document.body_kept:
            return
        # One try for each look: the next look is the next try.
        outcome = await self._examiner.under_lease(task, document, attempts=1)
        try:
            if not isinstance(outcome, Examined):
                async with self._uow.begin() as tx:
                    await tx.tasks.postpone(task, delay=LOOKS[0], error=type(outcome).__name__)
            elif outcome.secret:
                # The first time the page could not be read: now it can, and the rules for secrets hold.
                await self._verification.decide(task, document, outcome)
            else:
                await self._settle(task, document, outcome)
        except LeaseLost:
            log.warning("second_look_lease_lost", document_id=str(document.id))
        except (DatabaseUnavailable, CommitUnknown) as error:
            log.warning("second_look_not_written", document_id=str(document.id), error=type(error).__name__)

    async def _settle(self, task: Task, document: DocumentRecord, found: Examined) -> None:
        await self._binding.prepare()
        async with self._uow.begin() as tx:
            before = {row.position: row for row in await tx.documents.reports(document.id)}
            now = await tx.deliveries.hub_time()
            bound = await self._binding.bind(tx, document, found.reports, now=now)
            fresh = _fresh(found.files, bound.reports, before)
            after = {position: row.indication for position, row in before.items()}
            after |= {row.position: row.indication for row in fresh}
            verdict = overall_of([Indication(each) for each in after.values()])
            changed = [row for row in fresh if _said(row) != _said(before.get(row.position))]
            await tx.documents.set_verified(document.id, verdict.value, fresh)
            await tx.certificates.propose(bound.learnt)
            if changed:
                await self._tell(tx, document, verdict, len(changed))
            is_open = any(waits(report) or is_unfinished(report) for report in bound.reports)
            delay = next_look(task.attempts) if is_open else None
            held = tx.tasks.finish(task) if delay is None else tx.tasks.again(task, delay=delay)
            if not await held:
                raise LeaseLost
        if is_open and delay is None:
            log.warning("verdict_left_open", document_id=str(document.id), looks=task.attempts)

    async def _tell(self, tx: Transaction, document: DocumentRecord, verdict: Indication, count: int) -> None:
        now = await tx.deliveries.hub_time()
        kind, said = EventKind.VERIFICATION_CHANGED, {"verdict": verdict.value}
        facts: dict[str, EventValue] = {**said, "count": count}
        if document.indication is not None:
            facts["earlier_verdict"] = document.indication
        told = [d for d in await tx.deliveries.of_document(document.id) if d.state not in NOT_TOLD]
        await tx.record(
            Change(
                events=[
                    self._journal.document(kind, document, at=now, facts=facts),
                    *(self._journal.delivery(kind, each, at=now, facts=said) for each in told),
                ]
            )
        )
        log.info("verdict_changed", document_id=str(document.id), verdict=verdict.value)


def _fresh(
    files: Sequence[AttachmentRecord], reports: Sequence[FileReport], before: dict[int, ReportRow]
) -> list[ReportRow]:
    """What is to be written: never an unfinished report in place of one that says something."""
    rows = zip(report_rows(files, reports), reports, strict=True)
    return [row for row, report in rows if not is_unfinished(report) or row.position not in before]


def _said(row: ReportRow | None) -> object:
    """A report's verdicts, its own and those of its signatures."""
    if row is None:
        return None
    said = orjson.loads(row.report_json)
    return [(each["indication"], each["sub_indication"]) for each in (said, *said["signatures"])]
