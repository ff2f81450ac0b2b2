"""Validation that stores nothing: would this message be accepted as edXML?

The body goes to a spool folder, is examined by the reader of intake, and the folder is dropped: no row, no
blob, no event. Directory, rights and signatures are not asked: what is judged is the message alone. It counts
among the intakes under way, of which a system and a node have so many places. If the process dies here, a
spool folder is left, which the next start clears.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from hub.domain.problems import Refusal
from hub.ports.blobs import BlobStore
from hub.ports.unit_of_work import UnitOfWork
from hub.services.access import Caller
from hub.services.directory_admin import today
from hub.services.slots import Slots
from schemas.limits import FormatLimits
from schemas.validate import ValidationReport, validate_file

BATCH_BYTES: Final = 512 * 1024


class ValidatorService:
    """Examines messages for systems that are being built."""

    def __init__(
        self, *, uow: UnitOfWork, blobs: BlobStore, slots: Slots, max_bytes: int, limits: FormatLimits
    ) -> None:
        self._uow = uow
        self._blobs = blobs
        self._slots = slots
        self._max_bytes = max_bytes
        self._limits = limits

    async def validate(self, caller: Caller, body: AsyncIterator[bytes], *, name: str) -> ValidationReport:
        """Return what is wrong with a message; `name` is how the report calls it.

        Raises:
            Refusal: `body_empty`, `body_too_large`, `system_busy`, `intake_busy`.
        """
        async with self._uow.read() as query:
            day = await today(query)
        with self._slots.take(caller.system_id):
            spool = await self._blobs.new_spool()
            try:
                path = await self._kept(body, spool)
                return await asyncio.to_thread(
                    validate_file, path, label=name, limits=self._limits, today=day, folder=spool
                )
            finally:
                await self._blobs.drop_spool(spool)

    async def _kept(self, body: AsyncIterator[bytes], spool: Path) -> Path:
        path = spool / "body"
        size = 0
        batch = bytearray()
        with path.open("xb") as file:
            async for chunk in body:
                size += len(chunk)
                if size > self._max_bytes:
                    raise Refusal("body_too_large", params={"limit": self._max_bytes})
                batch += chunk
                if len(batch) >= BATCH_BYTES:
                    await asyncio.to_thread(file.write, batch)
                    batch = bytearray()
            await asyncio.to_thread(file.write, batch)
        if not size:
            raise Refusal("body_empty")
        return path
