"""A file is judged once: verdicts that were given before, by what was judged and under what.

A verdict is known again by the SHA-256 of the bytes, the rules (version of the hub and of the report's form),
the trust folder, whether authorities are asked and since when the hub has had these bytes; for an hour, since
what authorities say changes with time. First this node is asked, then the rows that nodes share, then a
worker. What could not be finished, or only for want of an authority's answer, is not kept. The same bytes
asked for twice at once are judged once.

Since when: a document that the hub accepted on a day existed on that day, whatever becomes of its signers'
certificates [EN 319 102-1 §5.6.2.3]. The earliest acceptance of the same bytes counts, whoever sent them; a
file that was never accepted has no such proof. The time is the hub's own word: policy may leave it out.

The digest is computed here, from the file itself, each time: nothing that a sender says decides which verdict
it gets. A cache that fails is no cache: verification goes on without it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import structlog

from hub.ports.pages import PageReader
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable, UnitOfWork
from hub.ports.verification import ReportPrinter, Verifier
from hub.services.verification_facts import is_unfinished
from signing.report import FileReport, Revocation, SubIndication
from signing.report_codec import ReportInvalid, decode, encode

log = structlog.get_logger(__name__)

GOOD_FOR: Final = timedelta(hours=1)
HELD_MOST: Final = 2_000
HELD_BYTES: Final = 32 * 1024 * 1024
FORM: Final = 1
"""Counted up when the same rules would write another report."""
SMALL: Final = 1024 * 1024


class Workers(Verifier, PageReader, ReportPrinter, Protocol):
    """What does the work: verifies, reads pages, prints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Under what verdicts are given: the hub's version, who is trusted (asked each time), the network.

    `receipt_proves`: whether having been accepted by the hub proves that a signature existed by then.
    """

    version: str
    trust: Callable[[], str]
    online: bool
    receipt_proves: bool = True

    def text(self) -> str:
        """As the key of a verdict has it."""
        return f"{self.version}/{FORM}/{self.trust()}/{'online' if self.online else 'offline'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    until: float
    size: int
    report: FileReport


class Verdicts:
    """`Workers` that remember."""

    def __init__(self, workers: Workers, uow: UnitOfWork, rules: Rules) -> None:
        self._workers, self._uow, self._rules = workers, uow, rules
        self._held: OrderedDict[tuple[bytes, str], _Held] = OrderedDict()
        self._held_bytes = 0
        self._since: OrderedDict[bytes, datetime] = OrderedDict()
        self._under_way: dict[tuple[bytes, str], tuple[asyncio.Lock, int]] = {}

    async def verify(
        self, path: Path, *, name: str, content: Sequence[Path] = (), existed_by: datetime | None = None
    ) -> FileReport:
        """The report on a file, from memory where there is one. Raises `VerificationUnfinished`.

        `existed_by` is when the hub accepted this very copy, if it did; an earlier copy counts before it.
        """
        digest = await _digest(path)
        since = await self._known_since(digest, existed_by)
        if digest is None or content:
            return await self._workers.verify(path, name=name, content=content, existed_by=since)
        key = (digest, f"{self._rules.text()}/{since.isoformat() if since is not None else '-'}")
        async with self._one_at_a_time(key):
            known = self._remembered(key) or await self._stored(key)
            if known is not None:
                return replace(known, file=name, elapsed_ms=0.0)
            report = await self._workers.verify(path, name=name, existed_by=since)
            await self._keep(key, report)
            return report

    async def first_page_lines(self, path: Path) -> Sequence[str]:
        """The lines of text on a PDF's first page."""
        return await self._workers.first_page_lines(path)

    async def print_report(
        self, report: FileReport, *, source: Path | None, out: Path, hub: str, at: datetime
    ) -> None:
        """Draw a report as a PDF."""
        await self._workers.print_report(report, source=source, out=out, hub=hub, at=at)

    async def forget(self, digests: Collection[bytes]) -> None:
        """Let go of what is remembered about these bytes: on this node; rows are the caller's to delete."""
        for key in [key for key in self._held if key[0] in digests]:
            self._drop(key)
        for digest in digests:
            self._since.pop(digest, None)

    async def _known_since(self, digest: bytes | None, accepted: datetime | None) -> datetime | None:
        """The earliest time at which the hub is known to have had these bytes."""
        if digest is None or not self._rules.receipt_proves:
            return None
        # Remembered before its verdict is written: copies that come together are judged once.
        if digest not in self._since and (stored := await self._received(digest)) is not None:
            accepted = min(stored, accepted or stored)
        times = [each for each in (self._since.get(digest), accepted) if each is not None]
        if not times:
            return None
        self._since[digest] = min(times)
        self._since.move_to_end(digest)
        if len(self._since) > HELD_MOST:
            self._since.popitem(last=False)
        return self._since[digest]

    async def _received(self, digest: bytes) -> datetime | None:
        try:
            async with self._uow.read() as query:
                return await query.verdicts.received(digest)
        except DatabaseUnavailable as error:
            log.warning("receipt_not_read", error=type(error).__name__)
            return None

    def _remembered(self, key: tuple[bytes, str]) -> FileReport | None:
        held = self._held.get(key)
        if held is None or held.until <= time.monotonic():
            self._drop(key)
            return None
        self._held.move_to_end(key)
        return held.report

    async def _stored(self, key: tuple[bytes, str]) -> FileReport | None:
        try:
            async with self._uow.read() as query:
                data = await query.verdicts.find(*key, younger_than=GOOD_FOR)
            if data is None:
                return None
            report = decode(data)
        except (DatabaseUnavailable, ReportInvalid) as error:
            log.warning("verdict_not_read", error=type(error).__name__)
            return None
        # How long the row is good for is the database's to say: it is asked again soon.
        self._hold(key, report, len(data), GOOD_FOR.total_seconds() / 10)
        return report

    async def _keep(self, key: tuple[bytes, str], report: FileReport) -> None:
        if report.sha256 != key[0].hex() or not self._lasts(report):
            return
        data = encode(report)
        self._hold(key, report, len(data), GOOD_FOR.total_seconds())
        try:
            async with self._uow.begin() as tx:
                await tx.verdicts.keep(*key, data)
        except (DatabaseUnavailable, CommitUnknown) as error:
            log.warning("verdict_not_kept", error=type(error).__name__)

    def _lasts(self, report: FileReport) -> bool:
        if is_unfinished(report):
            return False
        waits = any(
            s.sub_indication is SubIndication.TRY_LATER or s.revocation is Revocation.UNKNOWN
            for s in report.signatures
        )
        return not (waits and self._rules.online)

    def _hold(self, key: tuple[bytes, str], report: FileReport, size: int, seconds: float) -> None:
        self._drop(key)
        self._held[key] = _Held(until=time.monotonic() + seconds, size=size, report=report)
        self._held_bytes += size
        while len(self._held) > HELD_MOST or self._held_bytes > HELD_BYTES:
            self._drop(next(iter(self._held)))

    def _drop(self, key: tuple[bytes, str]) -> None:
        held = self._held.pop(key, None)
        self._held_bytes -= held.size if held is not None else 0

    @asynccontextmanager
    async def _one_at_a_time(self, key: tuple[bytes, str]) -> AsyncIterator[None]:
        lock, waiting = self._under_way.get(key, (asyncio.Lock(), 0))
        self._under_way[key] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._under_way[key]
            if waiting > 1:
                self._under_way[key] = (lock, waiting - 1)
            else:
                del self._under_way[key]


async def _digest(path: Path) -> bytes | None:
    """The SHA-256 of a file; None if it cannot be read, which is then the verifier's to say."""
    try:
        # A small file is read here: a thread would cost more than its digest.
        return _now(path) if _size(path) <= SMALL else await asyncio.to_thread(_now, path)
    except OSError:
        return None


def _size(path: Path) -> int:
    return path.stat().st_size


def _now(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, hashlib.sha256).digest()
