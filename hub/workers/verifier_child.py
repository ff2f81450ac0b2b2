"""The work of a verifying process: one job, one answer, within the limits of the process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hub.services.message_parts import message_parts
from hub.workers.verifier_wire import (
    FRAME_MOST,
    Answer,
    Job,
    Lines,
    PageJob,
    Printed,
    PrintJob,
    VerifyJob,
    write_answer,
)
from schemas.split import is_older
from signing.messages import Code
from signing.online import OnlineSource
from signing.options import VerifyOptions
from signing.page_text import first_page_lines
from signing.trust_folder import TrustFolder
from signing.verify import unfinished, verify_file
from signing.warm import warm_up

if TYPE_CHECKING:
    from signing.online import OnlineRules


class Desk:
    """What a process keeps from job to job: the trust store and the line to the authorities."""

    def __init__(self, trust_folder: Path | None, online: OnlineRules | None) -> None:
        warm_up()
        self._trust = TrustFolder(trust_folder) if trust_folder is not None else None
        self._online = OnlineSource(online) if online is not None else None

    def work(self, job: Job) -> bytes:
        """Do one job and return the answer as bytes."""
        made = write_answer(self._answer(job))
        if len(made) > FRAME_MOST and isinstance(job, VerifyJob):
            return write_answer(unfinished(job.name, sha256="", code=Code.LIMIT_EXCEEDED))
        return made

    def _answer(self, job: Job) -> Answer:
        if isinstance(job, VerifyJob):
            return verify_file(job.path, name=job.name, options=self._options(job))
        if isinstance(job, PageJob):
            return Lines(lines=first_page_lines(job.path))
        return _print(job)

    def _options(self, job: VerifyJob) -> VerifyOptions:
        store = self._trust.store() if self._trust is not None else None
        return VerifyOptions(
            trust=store,
            online=self._online,
            content=job.content,
            existed_by=job.existed_by,
            message_parts=message_parts,
            is_older_message=is_older,
        )


def _print(job: PrintJob) -> Printed:
    # What draws is large: most processes never print.
    from signing.report_pdf import print_report  # noqa: PLC0415

    made = print_report(job.report, source=job.source, hub=job.hub, at=job.at)
    job.out.write_bytes(made)
    return Printed(size=len(made))
