"""Examines what came with a document: each attachment verified in a worker process, under the task's lease.

Attachments are taken out of the stored original each time. What keeps a verdict from being reached because
the hub itself is in trouble (blob store away, node going down) is a value here and no verdict: the task is
due again later. A file on which workers die or run out of time gets one more try; then its verdict is
INDETERMINATE.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog

from hub.domain.limits import VERIFICATION_CRASHES_MAX
from hub.domain.secrecy import find_mark_on_page
from hub.ports.blobs import BlobStoreError
from hub.ports.pages import PageReader
from hub.ports.records import AttachmentRecord, DocumentRecord, Task
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from hub.ports.verification import VerificationCrashed, VerificationTimedOut, Verifier, VerifierStopped
from hub.services.attachments import unpacked
from hub.services.kit import Kit
from schemas.edxml.read import AttachmentFile
from schemas.issues import EdxmlRefused
from schemas.limits import FormatLimits
from signing.messages import Code
from signing.report import FileReport
from signing.verify import unfinished

log = structlog.get_logger(__name__)

MAX_ATTEMPTS: Final = VERIFICATION_CRASHES_MAX
PDF: Final = "application/pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What the examination of all attachments has shown: one report per file, in order."""

    files: tuple[AttachmentRecord, ...]
    reports: tuple[FileReport, ...]
    secret: bool
    page_unread: bool = False


Trouble: TypeAlias = OSError | BlobStoreError | VerifierStopped


class Examiner:
    """Examines documents."""

    def __init__(
        self, *, kit: Kit, verifier: Verifier, pages: PageReader, limits: FormatLimits, document_s: float
    ) -> None:
        """`document_s`: how long all attachments of a document may take together, in seconds."""
        self._uow, self._blobs = kit.uow, kit.blobs
        self._lease, self._renew_every = kit.rules.worker_lease, kit.rules.worker_renew
        self._verifier, self._pages, self._limits = verifier, pages, limits
        self._document_s = document_s

    async def under_lease(self, task: Task, document: DocumentRecord, *, attempts: int) -> Examined | Trouble:
        """Examine a document while the task's lease is kept; `attempts` counts this one."""
        # What keeps a verdict from being reached is a value here: raised, the group would wrap it.
        async with asyncio.TaskGroup() as group:
            renewal = group.create_task(self._renew(task), name="renew-verification-lease")
            try:
                return await self._examine(document, attempts)
            except (OSError, BlobStoreError, VerifierStopped) as error:
                return error
            finally:
                renewal.cancel()

    async def _renew(self, task: Task) -> None:
        # A renewal that fails shows at the final write, which names the lease token.
        while True:
            await asyncio.sleep(self._renew_every.total_seconds())
            with suppress(DatabaseUnavailable, CommitUnknown):
                async with self._uow.begin() as tx:
                    await tx.tasks.renew(task, self._lease)

    async def _examine(self, document: DocumentRecord, attempts: int) -> Examined:
        if attempts > MAX_ATTEMPTS:
            # Whoever took this message apart twice did not live to tell: do not try a third time.
            log.error("verification_given_up", document_id=str(document.id), attempts=attempts)
            return _unfinished(document)
        reports: list[FileReport] = []
        secret, page_unread = False, False
        ends = time.monotonic() + self._document_s
        try:
            async with unpacked(self._blobs, document, self._limits) as files:
                for file in files:
                    reports.append(await self._verify(document, file, attempts, ends))
                    if file.media_type == PDF and not secret:
                        lines = await self._first_page(file)
                        page_unread = page_unread or lines is None
                        secret = find_mark_on_page(lines or ()) is not None
        except EdxmlRefused as refused:
            # Limits that were lowered since, or another version's reading: no reason to lose the document.
            log.warning("original_not_readable", document_id=str(document.id), code=refused.code)
            return _unfinished(document)
        examined = tuple(
            AttachmentRecord(
                index=f.index, name=f.safe_name, media_type=f.media_type, size=f.size, sha256=f.sha256
            )
            for f in files
        )
        return Examined(files=examined, reports=tuple(reports), secret=secret, page_unread=page_unread)

    async def _verify(
        self, document: DocumentRecord, file: AttachmentFile, attempts: int, ends: float
    ) -> FileReport:
        code = Code.VERIFICATION_CRASHED
        for attempt in range(attempts, MAX_ATTEMPTS + 1):
            left = ends - time.monotonic()
            if left <= 0:
                # The others of this letter took all its time: nobody else's letters wait for it.
                code = Code.VERIFICATION_TIMED_OUT
                break
            try:
                async with asyncio.timeout(left):
                    return await self._verifier.verify(
                        file.path, name=file.safe_name, existed_by=document.accepted_at
                    )
            except TimeoutError:
                code = Code.VERIFICATION_TIMED_OUT
            except (VerificationCrashed, VerificationTimedOut) as error:
                log.warning("verification_failed", attempt=attempt, error=type(error).__name__)
        return unfinished(file.safe_name, sha256=file.sha256.hex(), code=code)

    async def _first_page(self, file: AttachmentFile) -> Sequence[str] | None:
        try:
            return await self._pages.first_page_lines(file.path)
        except (VerificationCrashed, VerificationTimedOut) as error:
            log.warning("first_page_unreadable", error=type(error).__name__)
            return None


def _unfinished(document: DocumentRecord) -> Examined:
    reports = tuple(
        unfinished(each.name, sha256=each.sha256.hex(), code=Code.VERIFICATION_CRASHED)
        for each in document.attachments
    )
    # Whether a page bears a mark of state secrecy nobody has seen: the recipient is told.
    unread = any(each.media_type == PDF for each in document.attachments)
    return Examined(files=document.attachments, reports=reports, secret=False, page_unread=unread)
