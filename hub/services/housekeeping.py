"""What the janitor does: partitions ahead of time, old keys gone, blobs without a row removed.

A blob is garbage if no row refers to it and it is older than a day: intake writes the blob before the
row, so a young one may belong to a transaction that is still under way.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from hub.domain.limits import ORPHAN_BLOB_AGE
from hub.services.kit import Kit

log = structlog.get_logger(__name__)

KEYS_PER_ROUND: Final = 5_000
BLOBS_PER_LOOK: Final = 500
VERDICTS_KEPT: Final = timedelta(days=1)


class Housekeeping:
    """Keeps tables and blobs in order."""

    def __init__(self, kit: Kit) -> None:
        self._uow = kit.uow
        self._blobs = kit.blobs
        self._key_days = kit.rules.key_retention.days

    async def tidy(self) -> int:
        """Make one round; always returns 0, for there is nothing to hurry for."""
        async with self._uow.begin() as tx:
            await tx.housekeeping.ensure_partitions()
        async with self._uow.begin() as tx:
            await tx.housekeeping.expire_keys_older_than(self._key_days, KEYS_PER_ROUND)
            await tx.housekeeping.expire_refusals_older_than(self._key_days, KEYS_PER_ROUND)
            await tx.relay.forget(timedelta(days=self._key_days))
            await tx.verdicts.expire(VERDICTS_KEPT, KEYS_PER_ROUND)
            misplaced = await tx.housekeeping.misplaced_rows()
        if misplaced:
            log.error("rows_in_default_partition", rows=misplaced)
        await self.remove_orphan_blobs(datetime.now(UTC))
        return 0

    async def remove_orphan_blobs(self, now: datetime) -> int:
        """Remove blobs older than a day that no row refers to; return how many."""
        removed = 0
        batch: list[UUID] = []
        async for entry in self._blobs.entries():
            if now - entry.modified_at < ORPHAN_BLOB_AGE:
                continue
            batch.append(entry.blob_id)
            if len(batch) >= BLOBS_PER_LOOK:
                removed += await self._remove_unknown(batch)
                batch = []
        if batch:
            removed += await self._remove_unknown(batch)
        if removed:
            log.warning("orphan_blobs_removed", count=removed)
        return removed

    async def _remove_unknown(self, blob_ids: list[UUID]) -> int:
        async with self._uow.read() as query:
            known = await query.documents.known_blobs(blob_ids)
        unknown = [blob_id for blob_id in blob_ids if blob_id not in known]
        for blob_id in unknown:
            await self._blobs.delete(blob_id)
        return len(unknown)
