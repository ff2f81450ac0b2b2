"""Packages of the national exchange, one at a time: fetched, taken in, told of.

    seen ──fetch──▶ spool ──intake──▶ taken ──────▶ tell "done"
                      │        ├─ a loop ──▶ held ─▶ tell "processing"; a person retries or drops it
                      │        └─ refused ──▶ quarantined (bytes kept) ─▶ tell "fail", once
                      └─ broke off ─▶ waiting, tried again later; the exchange is told nothing

What the exchange is told follows what is committed, never the other way round. If the hub dies after the
intake has committed and before the package's row is written, the package is listed again, recognised by
what it says, and only confirmed. Nothing is told to be unreadable on the strength of one reading: a page of
a proxy, or a body that was cut, looks like a bad message, so it is read a second time by the exchange's
other way.

A mark of state secrecy leaves no bytes behind. [design sections 2.1, 6; national format, 3.5]
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import orjson
import structlog

from hub.domain.ids import normalise_code
from hub.domain.problems import HubError, Refusal
from hub.domain.retry import DEFAULT_RETRY
from hub.ports.blobs import BlobStoreError
from hub.ports.national import ExchangeError, MessageType, NationalExchange, Package, Word
from hub.ports.relay import PackageRecord, PackageState
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from hub.services.access import Caller
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.intake import IntakeService
from hub.services.kit import Kit
from hub.services.receive import MessageRefused
from hub.services.relay_route import Arrival, outside_unit

log = structlog.get_logger(__name__)

FILE_NAME: Final = "package"
READ_BYTES: Final = 262_144
# After so many readings that were refused, each another way, a package counts as unreadable.
READINGS_MOST: Final = 3
SECRECY: Final = "secrecy_mark"
LOOP: Final = "relay_loop"
FAULT: Final = "hub_fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetched:
    path: Path
    sha256: bytes
    size: int


class Reception:
    """Takes packages in."""

    def __init__(self, kit: Kit, intake: IntakeService, directory: DirectorySnapshot) -> None:
        self._uow, self._blobs, self._ids = kit.uow, kit.blobs, kit.ids
        self._metrics = kit.metrics
        self._intake = intake
        self._directory = directory

    async def take(
        self, exchange: NationalExchange, caller: Caller, package: Package, known: PackageRecord | None
    ) -> PackageRecord:
        """Fetch a package and take it in; return what became of it, written down.

        Raises:
            DatabaseUnavailable, CommitUnknown, BlobStoreError: the package comes again.
        """
        record = known or PackageRecord(
            system_id=caller.system_id,
            package_id=package.package_id,
            message_type=package.message_type,
            state=PackageState.WAITING,
            from_code=normalise_code(package.from_code),
            to_code=normalise_code(package.to_code),
        )
        record = replace(record, attempts=record.attempts + 1)
        spool = await self._blobs.new_spool()
        try:
            outcome = await self._taken(exchange, caller, record, spool)
        except (DatabaseUnavailable, CommitUnknown, BlobStoreError):
            raise
        except Exception:
            # One package that brings out a fault of ours must not keep the others from coming.
            log.exception("package_fault", package=record.package_id)
            outcome = replace(record, state=PackageState.WAITING, code=FAULT)
        finally:
            await self._blobs.drop_spool(spool)
        await self._write(outcome)
        return outcome

    async def fetch_in_vain(self, exchange: NationalExchange, record: PackageRecord) -> None:
        """Fetch a package that is settled here, for the exchange's book-keeping alone."""
        spool = await self._blobs.new_spool()
        try:
            await self._fetch(exchange.download(record.package_id), spool / FILE_NAME)
        except ExchangeError as error:
            log.warning("package_not_fetched", package=record.package_id, code=error.code)
        finally:
            await self._blobs.drop_spool(spool)

    async def take_released(self, caller: Caller, record: PackageRecord) -> PackageRecord:
        """Take in the kept bytes of a package that a person has released; return what became of it."""
        blob_id = record.blob_id
        assert blob_id is not None  # only what is kept can be released
        kept = record
        record = replace(record, attempts=record.attempts + 1)
        try:
            body = self._blobs.read(blob_id, sha256=record.sha256)
            outcome = await self._submitted(caller, record, body, released=True)
        except HubError as error:
            outcome = kept if _passes(error) else _kept_on(kept, error.code)
        except BlobStoreError as error:
            if error.retryable:
                raise
            outcome = _kept_on(kept, error.code)
        if outcome.state is PackageState.TAKEN:
            await self._write(replace(outcome, blob_id=None))
            await self._blobs.delete(blob_id)
        else:
            await self._write(outcome)
        return outcome

    async def _taken(
        self, exchange: NationalExchange, caller: Caller, record: PackageRecord, spool: Path
    ) -> PackageRecord:
        try:
            fetched = await self._fetch(exchange.download(record.package_id), spool / FILE_NAME)
            try:
                return await self._submitted(caller, record, _read(fetched.path))
            except MessageRefused as refused:
                return await self._second_opinion(exchange, caller, record, fetched, refused)
            except HubError as error:
                return await self._refused(record, fetched, error)
        except ExchangeError as error:
            log.warning("package_not_fetched", package=record.package_id, code=error.code)
            return replace(record, state=PackageState.WAITING, code=error.code)

    async def _second_opinion(
        self,
        exchange: NationalExchange,
        caller: Caller,
        record: PackageRecord,
        first: _Fetched,
        refused: MessageRefused,
    ) -> PackageRecord:
        path = first.path.with_name(f"{FILE_NAME}-again")
        again = await self._fetch(exchange.download_again(record.package_id), path)
        if again.sha256 == first.sha256:
            return await self._refused(record, first, refused)
        try:
            return await self._submitted(caller, record, _read(again.path))
        except MessageRefused as other:
            if record.attempts < READINGS_MOST:
                return replace(record, state=PackageState.WAITING, code=other.code)
            return await self._refused(record, again, other)
        except HubError as error:
            return await self._refused(record, again, error)

    async def _submitted(
        self, caller: Caller, record: PackageRecord, body: AsyncIterator[bytes], *, released: bool = False
    ) -> PackageRecord:
        arrival = Arrival(to_codes=await self._own_code(record), released=released)
        submitted = await self._intake.submit(caller, body, arrival=arrival)
        return replace(
            record,
            state=PackageState.TAKEN,
            to_tell=Word.DONE if record.told is not Word.FAIL else record.to_tell,
            code="repeated" if submitted.repeated else None,
            document_id=_document_of(submitted.receipt),
        )

    async def _own_code(self, record: PackageRecord) -> tuple[str, ...]:
        # The package's recipient need not stand in the document; a status says itself for whom it is.
        if record.message_type is MessageType.STATUS or not record.to_code:
            return ()
        directory = await self._directory.current()
        ours = directory.by_code(record.to_code) is not None and not outside_unit(directory, record.to_code)
        return (record.to_code,) if ours else ()

    async def _refused(self, record: PackageRecord, fetched: _Fetched, error: HubError) -> PackageRecord:
        if _passes(error):
            return replace(record, state=PackageState.WAITING, code=error.code)
        held = error.code == LOOP
        log.error(
            "package_held" if held else "package_quarantined", package=record.package_id, code=error.code
        )
        blob_id: UUID | None = None
        if error.code != SECRECY:
            blob_id = self._ids.new()
            await self._blobs.put(blob_id, fetched.path)
        return replace(
            record,
            state=PackageState.HELD if held else PackageState.QUARANTINED,
            to_tell=Word.PROCESSING if held else Word.FAIL,
            code=error.code,
            blob_id=blob_id,
            sha256=fetched.sha256,
            size=fetched.size,
        )

    async def _write(self, record: PackageRecord) -> None:
        wait = timedelta(0)
        if record.state is PackageState.WAITING:
            wait = DEFAULT_RETRY.ceiling(max(record.attempts, 1))
        async with self._uow.begin() as tx:
            await tx.relay.put(record, again_in=wait)
        self._metrics.relay_packages.labels(record.message_type.value, record.state.value).inc()

    async def _fetch(self, chunks: AsyncIterator[bytes], path: Path) -> _Fetched:
        digest = hashlib.sha256()
        size = 0
        file = await asyncio.to_thread(path.open, "xb")
        try:
            async with aclosing(_closable(chunks)) as body:
                async for chunk in body:
                    digest.update(chunk)
                    size += len(chunk)
                    await asyncio.to_thread(file.write, chunk)
        finally:
            await asyncio.to_thread(file.close)
        return _Fetched(path=path, sha256=digest.digest(), size=size)


def _kept_on(record: PackageRecord, code: str) -> PackageRecord:
    # Released in vain: a person decides again, and the exchange learns that it was not taken.
    told = record.told in (Word.DONE, Word.FAIL)
    return replace(
        record, state=PackageState.QUARANTINED, code=code, to_tell=record.told if told else Word.FAIL
    )


def _passes(error: HubError) -> bool:
    # Too busy, or the hub itself in trouble: nothing is wrong with the package.
    return error.retryable or error.problem.status >= 500 or not isinstance(error, Refusal)


def _document_of(receipt: bytes) -> UUID | None:
    found = orjson.loads(receipt).get("receipt", {}).get("receipt_id")
    return None if found is None else UUID(found)


async def _closable(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    # An iterator of the port is closed with the reading, whatever ends it, and in the reader's own task.
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()


async def _read(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, READ_BYTES):
            yield chunk
    finally:
        await asyncio.to_thread(file.close)
