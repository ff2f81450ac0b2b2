"""Verifying on request: a file that is brought, or a document of the caller's own. Nothing is kept.

The work is done by the verifying processes that documents go through, under the same limits; a system has a
few places at a time and is told to come again when they are taken. A verification that could not be finished
is a verdict too: INDETERMINATE, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog

from hub.domain.problems import HubError, Refusal
from hub.ports.verification import VerificationTimedOut, VerificationUnfinished, VerifierStopped
from hub.services.access import Caller
from hub.services.attachments import unpacked
from hub.services.follow import FollowService
from hub.services.kit import Kit
from hub.services.slots import Slots
from hub.services.verdicts import Workers
from schemas.limits import FormatLimits
from signing.messages import Code
from signing.report import FileFormat, FileReport
from signing.report_codec import ReportInvalid, decode
from signing.verify import unfinished

log = structlog.get_logger(__name__)

TRY_AGAIN_S: Final = 5
PRINTED_NAME: Final = "report.pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A stored report: as it was written for people, and whole if it was kept so."""

    report_json: bytes
    whole: FileReport | None


class SignatureService:
    """Verifies and prints for callers."""

    def __init__(
        self, *, kit: Kit, workers: Workers, follow: FollowService, slots: Slots, limits: FormatLimits
    ) -> None:
        self._kit, self._workers, self._follow = kit, workers, follow
        self._slots, self._limits = slots, limits

    def place(self, caller: Caller) -> AbstractContextManager[None]:
        """Hold one of the caller's places; raises Refusal `system_busy` or `verification_busy`."""
        return self._slots.take(caller.system_id)

    async def verify(
        self, path: Path, *, name: str, content: Sequence[Path] = (), existed_by: datetime | None = None
    ) -> FileReport:
        """The report on a file. Raises HubError `hub_stopping` if the node goes down meanwhile."""
        try:
            return await self._workers.verify(path, name=name, content=content, existed_by=existed_by)
        except VerifierStopped:
            raise HubError("hub_stopping", retry_after=TRY_AGAIN_S) from None
        except VerificationUnfinished as error:
            log.warning("verification_failed", error=type(error).__name__)
            timed_out = isinstance(error, VerificationTimedOut)
            code = Code.VERIFICATION_TIMED_OUT if timed_out else Code.VERIFICATION_CRASHED
            return unfinished(name, sha256="", code=code)

    async def of_document(self, caller: Caller, document_id: UUID) -> tuple[FileReport, ...]:
        """The reports on a document's attachments as they are today; raises Refusal `document_unknown`."""
        found = await self._follow.document(caller, document_id)
        if not found.document.body_kept:
            raise Refusal("document_unknown")
        async with unpacked(self._kit.blobs, found.document, self._limits) as files:
            accepted = found.document.accepted_at
            return tuple([await self.verify(f.path, name=f.safe_name, existed_by=accepted) for f in files])

    async def stored(
        self, caller: Caller, document_id: UUID, position: int, *, version: int | None = None
    ) -> Stored:
        """The stored report of an attachment, the newest or a given version; Refusal `document_unknown`."""
        found = await self._follow.reports(caller, document_id)
        rows = [row for row in (*found.newest, *found.earlier) if row.position == position]
        row = next((row for row in rows if version in {None, row.version}), None)
        if row is None:
            raise Refusal("document_unknown")
        try:
            whole = decode(row.whole) if row.whole is not None else None
        except ReportInvalid:
            whole = None  # written by another version of the hub
        return Stored(report_json=row.report_json, whole=whole)

    async def attachment_printed(
        self, caller: Caller, document_id: UUID, position: int, report: FileReport, spool: Path
    ) -> Path:
        """The printable report of an attachment, with pictures if its bytes are still kept."""
        found = await self._follow.document(caller, document_id)
        if report.format is not FileFormat.PDF or not found.document.body_kept:
            return await self.printed(report, source=None, spool=spool)
        async with unpacked(self._kit.blobs, found.document, self._limits) as files:
            source = next((file.path for file in files if file.index == position), None)
            return await self.printed(report, source=source, spool=spool)

    async def printed(self, report: FileReport, *, source: Path | None, spool: Path) -> Path:
        """The printable report as a file in `spool`. Raises HubError `verification_busy`."""
        out, at = spool / PRINTED_NAME, await self.now()
        for picture in dict.fromkeys((source, None)):
            try:
                await self._workers.print_report(
                    report, source=picture, out=out, hub=self._kit.hub_code, at=at
                )
            except VerifierStopped:
                raise HubError("hub_stopping", retry_after=TRY_AGAIN_S) from None
            except VerificationUnfinished as error:
                # The file may be what kills the worker: without its pictures there still is a report.
                log.warning("report_not_printed", error=type(error).__name__, pictures=picture is not None)
            else:
                return out
        raise HubError("verification_busy", retry_after=TRY_AGAIN_S)

    async def now(self) -> datetime:
        """The hub's time."""
        async with self._kit.uow.read() as query:
            return await query.systems.now()
