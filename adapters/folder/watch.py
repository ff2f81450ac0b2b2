"""Watching the folders of all systems that have some: one node at a time for each system.

A round of a system runs under a lease in its row, renewed while it lasts: answers first, then what was sent,
unit by unit, at most a page of each. A system whose folders cannot be used is tried again later and later, up
to a quarter of an hour, and the alarm is raised each time; it holds up no other. The pause between rounds is
spread, so that nodes and systems do not look in step. The process dies: the lease runs out, another node goes
on. [design sections 2.10, 3]
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from adapters.folder.answers import Answers
from adapters.folder.files import Files, FilesError, FilesUnavailable, once, read_small
from adapters.folder.handover import FolderExit, require_mark
from adapters.folder.layout import MARK, UnitFolders
from adapters.folder.pickup import Pickup, Place
from hub.domain.problems import HubError
from hub.ports.blobs import BlobStoreError
from hub.ports.folders import FolderWatch
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable, UnitOfWork
from hub.services.access import Caller
from hub.services.exits import UNUSABLE, Exits, UnusableExit

log = structlog.get_logger(__name__)

ADAPTERS: Final = ("folder", "sftp")
LOOK_S: Final = (0.5, 1.5)
"""So often a node asks which systems are due: one query for all of them."""
SYSTEMS_AT_ONCE: Final = 64
LEASE: Final = timedelta(seconds=60)
RENEW_S: Final = 20.0
BUSY_S: Final = 5.0
BACK_OFF_S: Final = 30.0
BACK_OFF_MOST_S: Final = 900.0
MARK_MOST_BYTES: Final = 200


class FolderWatcher:
    """Takes in what systems put into folders, and passes on what they answer there."""

    def __init__(
        self, *, uow: UnitOfWork, exits: Exits, pickup: Pickup, answers: Answers, owner: str
    ) -> None:
        self._uow = uow
        self._exits = exits
        self._pickup = pickup
        self._answers = answers
        self._owner = owner
        self._running: set[UUID] = set()
        self._prepared: set[tuple[UUID, str, str]] = set()

    async def run(self) -> None:
        """Watch until cancelled; each system that is due in a task of its own, so many at once."""
        async with asyncio.TaskGroup() as group:
            while True:
                for system_id in await self._due():
                    if system_id not in self._running and len(self._running) < SYSTEMS_AT_ONCE:
                        self._running.add(system_id)
                        group.create_task(self._watch(system_id), name="watch-folder")
                await asyncio.sleep(random.uniform(*LOOK_S))

    async def _due(self) -> tuple[UUID, ...]:
        try:
            async with self._uow.read() as query:
                return await query.folders.due(ADAPTERS, SYSTEMS_AT_ONCE)
        except DatabaseUnavailable as error:
            log.warning("loop_waits", loop="folders", error=type(error).__name__)
            return ()

    async def _watch(self, system_id: UUID) -> None:
        try:
            while await self.round(system_id):
                pass
        except (DatabaseUnavailable, CommitUnknown) as error:
            log.warning("loop_waits", loop="folders", error=type(error).__name__)
        except Exception:
            # A loop that dies silently is an outage nobody sees.
            log.exception("loop_failed", loop="folders")
        finally:
            self._running.discard(system_id)

    async def round(self, system_id: UUID) -> bool:
        """Make one round of a system if it is due and no other node has it; True if more is ready at once.

        Raises DatabaseUnavailable, CommitUnknown.
        """
        async with self._uow.begin() as tx:
            watch = await tx.folders.claim(system_id, owner=self._owner, lease=LEASE)
        if watch is None:
            return False
        more, next_s = False, BUSY_S
        failure: FilesError | None = None
        try:
            more, next_s = await self._held(watch, self._look_at(watch))
        except FilesError as error:
            failure = error
            next_s = min(BACK_OFF_S * 2 ** min(watch.failures, 10), BACK_OFF_MOST_S)
        except (HubError, BlobStoreError) as error:
            log.warning("folder_waits", system=watch.system.name, code=error.code)
        if failure is not None:
            self._note(watch, failure)
        async with self._uow.begin() as tx:
            next_in = timedelta(seconds=0 if more else next_s * random.uniform(0.75, 1.25))
            code = None if failure is None else failure.code
            await tx.folders.end(watch, next_in=next_in, error=code)
        return more

    def _note(self, watch: FolderWatch, failure: FilesError) -> None:
        self._prepared = {key for key in self._prepared if key[0] != watch.system.id}
        log.error(
            "folder_unusable",
            system=watch.system.name,
            code=failure.code,
            reason=failure.text,
            failures=watch.failures + 1,
        )

    async def _held(
        self, watch: FolderWatch, work: Coroutine[None, None, tuple[bool, float]]
    ) -> tuple[bool, float]:
        # A round whose lease is lost ends at once: another node works in these folders.
        async def keep() -> None:
            while True:
                await asyncio.sleep(RENEW_S)
                async with self._uow.begin() as tx:
                    if not await tx.folders.renew(watch, LEASE):
                        raise _LeaseLost

        try:
            async with asyncio.TaskGroup() as group:
                keeper = group.create_task(keep())
                result = await work
                keeper.cancel()
        except BaseExceptionGroup as group_error:
            lost, others = group_error.split(_LeaseLost)
            if lost is not None:
                return False, BUSY_S
            assert others is not None
            raise _first(others) from None
        return result

    async def _look_at(self, watch: FolderWatch) -> tuple[bool, float]:
        async with self._exits.of(watch.system) as lent:
            if isinstance(lent, FolderExit):
                return await self._go_through(watch, lent)
            failed = await lent.probe() if isinstance(lent, UnusableExit) else None
            reason = "this adapter has no folders" if failed is None else failed.text
            raise FilesUnavailable(UNUSABLE, reason)

    async def _go_through(self, watch: FolderWatch, exit_: FolderExit) -> tuple[bool, float]:
        await self._mark(watch, exit_)
        async with self._uow.read() as query:
            units = await query.folders.units(watch.system.id)
        caller = Caller(system=watch.system, key_id="")
        places: dict[str, Place] = {}
        for unit in units:
            folders = UnitFolders(unit)
            key = (watch.system.id, exit_.options.place, unit)
            if key not in self._prepared:
                await exit_.files.prepare(folders.all)
                self._prepared.add(key)
            places[unit] = Place(files=exit_.files, folders=folders, options=exit_.options, caller=caller)
        more = False
        for place in places.values():
            more |= await self._answers.round(place)
        if exit_.options.taken_confirms:
            await require_mark(exit_.files)
            more |= await self._answers.taken(places)
        for place in places.values():
            more |= await self._pickup.round(place)
        return more, exit_.options.poll_s

    async def _mark(self, watch: FolderWatch, exit_: FolderExit) -> None:
        if watch.marked == exit_.options.place:
            await require_mark(exit_.files)
            return
        await mark_root(exit_.files, watch.system.id)
        async with self._uow.begin() as tx:
            await tx.folders.mark(watch, exit_.options.place)


async def mark_root(files: Files, system_id: UUID) -> None:
    """Make the root the hub's, for this system. Raises FilesUnavailable `root_of_another`."""
    await files.prepare(())
    found = await files.look("", MARK)
    content = str(system_id).encode() + b"\n"
    if found is not None and found.size:
        if await read_small(files, "", found, most=MARK_MOST_BYTES) != content:
            raise FilesUnavailable("root_of_another", "these folders belong to another system of the hub")
        return
    await files.write("", MARK, once(content))


class _LeaseLost(Exception):
    pass


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
