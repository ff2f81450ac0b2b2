"""Verification of one file, away from the event loop.

A verdict is a value (`FileReport`); an exception means that there is none because the work could not be
finished: the caller counts the attempt and, when it gives up, records INDETERMINATE with
`signing.verify.unfinished`.

    VerificationUnfinished        code, retryable
    ├── VerificationCrashed       the working process died: out of memory, killed, crashed
    ├── VerificationTimedOut      the working process was killed because the job took too long
    └── VerifierStopped           the pool is shutting down; the job was not judged and does not count
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Protocol

from signing.report import FileReport


class VerificationUnfinished(Exception):
    """Root: no verdict could be reached."""

    code: ClassVar[str] = "verification_unfinished"
    retryable: ClassVar[bool] = True


class VerificationCrashed(VerificationUnfinished):
    """The process that did the work died."""

    code: ClassVar[str] = "verification_crashed"


class VerificationTimedOut(VerificationUnfinished):
    """The job exceeded its time and its process was killed."""

    code: ClassVar[str] = "verification_timed_out"


class VerifierStopped(VerificationUnfinished):
    """The pool stopped before the job was judged; says nothing about the file."""

    code: ClassVar[str] = "verifier_stopped"


class Verifier(Protocol):
    """Something that verifies files."""

    async def verify(
        self, path: Path, *, name: str, content: Sequence[Path] = (), existed_by: datetime | None = None
    ) -> FileReport:
        """The report on the file at `path`, called `name` in it; `content` are files signed beside it.

        `existed_by` is when the hub itself had these bytes: a proof that its signatures existed then.
        Raises `VerificationUnfinished`.
        """
        ...


class ReportPrinter(Protocol):
    """Something that draws a report as a PDF, with pictures of the pages that were changed."""

    async def print_report(
        self, report: FileReport, *, source: Path | None, out: Path, hub: str, at: datetime
    ) -> None:
        """Write the printable report to `out`; without the file it is about (`source`) it has no pictures.

        Raises `VerificationUnfinished`.
        """
        ...
