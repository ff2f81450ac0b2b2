"""The folder as an entrance: what a DMS puts into `out` is taken in once, and answered by a file.

    out/NAME ─ unchanged between two looks ─▶ intake ─▶ taking/NAME ─▶ receipts/NAME.receipt.json ─▶ done/NAME
        └── refused, or not whole for too long ──▶ refused/NAME + refused/NAME.problem.json

A file is taken when its name is complete and neither size nor time has changed between two looks; a
`NAME.ready` beside it spares the waiting. What changes while it is read is not taken in and looked at again.
What is not well-formed may still be being written: it is left alone until nothing has been added to it for
`patience_s`, and refused then.

A file's identity is its bytes: the hub knows a submission by them. The process dies after the commit and
before the move: the file is read again and gets the same receipt. A file is moved to `taking` and compared
there before it counts as done: a new one that came under the same name in between is taken in next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from adapters.folder.files import FileChanged, FileInfo, Files, FilesError, is_safe, once
from adapters.folder.handover import FolderOptions
from adapters.folder.layout import READY, RECEIPT, UnitFolders, is_sent, is_unfinished
from adapters.folder.problems import INCOMPLETE, NAME_UNSAFE, NOT_PLAIN, FileProblem, problem_of
from adapters.folder.refusing import put_away, refuse
from hub.domain.problems import HubError, Refusal
from hub.ports.blobs import BlobStoreError
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from hub.services.access import Caller
from hub.services.intake import Submitted

log = structlog.get_logger(__name__)

PAGE: Final = 200
HALF_CODES: Final = frozenset({"not_xml", "body_empty"})
"""What a file that is not whole yet looks like to the intake."""
REMEMBERED_MOST: Final = 20_000
PUT_OFF_MOST: Final = 5
_OF_THE_HUB: Final = (FilesError, DatabaseUnavailable, CommitUnknown, BlobStoreError)

Pause = Callable[[float], Awaitable[None]]
Key = tuple[str, str, str]


class Submit(Protocol):
    """`IntakeService.submit`."""

    async def __call__(self, caller: Caller, body: AsyncIterator[bytes]) -> Submitted: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One unit's folders, on whose behalf, and how they are used."""

    files: Files
    folders: UnitFolders
    options: FolderOptions
    caller: Caller

    def key(self, folder: str, name: str) -> Key:
        """Name a file among those of all systems."""
        return (str(self.caller.system_id), folder, name)


class Pickup:
    """Takes files in. Keeps in memory only since when files have been waiting; losing that costs time."""

    def __init__(
        self,
        submit: Submit,
        *,
        pause: Pause,
        clock: Callable[[], float],
        count: Callable[[str], None],
    ) -> None:
        self._submit = submit
        self._pause = pause
        self._clock = clock
        self._count = count
        self._waiting: dict[Key, tuple[FileInfo, float]] = {}
        self._cursors: dict[tuple[str, str], str] = {}

    async def round(self, place: Place) -> bool:
        """Take in what is ready, at most a page; True if there may be more at once.

        Raises:
            FilesUnavailable: the folders cannot be used.
            HubError (retryable), DatabaseUnavailable, CommitUnknown, BlobStoreError: the hub cannot take in
                now; files stay where they are.
        """
        folders = place.folders
        left = await self._page(place, folders.taking)
        await self._take_all(place, folders.taking, left)
        page = await self._page(place, folders.outgoing)
        await self._take_all(place, folders.outgoing, await self._settled(place, page))
        return len(page) == PAGE or len(left) == PAGE

    async def _take_all(self, place: Place, folder: str, infos: Sequence[FileInfo]) -> None:
        put_off: HubError | None = None
        in_a_row = 0
        for info in infos:
            try:
                await self._take(place, folder, info)
                in_a_row = 0
            except HubError as error:
                # What is refused for now may be the normal lane alone: urgent messages are still tried.
                put_off, in_a_row = error, in_a_row + 1
                if in_a_row >= PUT_OFF_MOST:
                    raise
            except _OF_THE_HUB:
                raise
            except Exception:
                # A file at which the hub stumbles keeps no other waiting; it stays where it is.
                log.exception("folder_file_failed", unit=place.folders.unit, size=info.size)
        if put_off is not None:
            raise put_off

    async def _page(self, place: Place, folder: str) -> tuple[FileInfo, ...]:
        # The next page starts after this one: files that cannot be taken do not keep others waiting.
        cursor = (str(place.caller.system_id), folder)
        names = await place.files.names(
            folder,
            accept=lambda name: is_sent(name) or is_unfinished(name),
            after=self._cursors.get(cursor, ""),
            limit=PAGE,
        )
        self._cursors[cursor] = names[-1] if len(names) == PAGE else ""
        looks = [await place.files.look(folder, name) for name in names]
        return tuple(info for info in looks if info is not None)

    async def _settled(self, place: Place, page: tuple[FileInfo, ...]) -> list[FileInfo]:
        files, outgoing = place.files, place.folders.outgoing
        sent = []
        for info in page:
            if is_unfinished(info.name):
                await self._unfinished(place, outgoing, info)
            else:
                sent.append((info, await files.look(outgoing, info.name + READY) is not None))
        if place.options.settle_s and not all(ready for _, ready in sent):
            await self._pause(place.options.settle_s)
        settled = []
        for info, ready in sent:
            if ready or await files.look(outgoing, info.name) == info:
                settled.append(info)
        return settled

    async def _take(self, place: Place, folder: str, info: FileInfo) -> None:
        if not is_safe(info.name):
            await self._refuse(place, folder, info, NAME_UNSAFE)
        elif not info.plain:
            await self._refuse(place, folder, info, NOT_PLAIN)
        elif is_unfinished(info.name):
            await self._unfinished(place, folder, info)
        else:
            await self._take_in(place, folder, info)

    async def _take_in(self, place: Place, folder: str, info: FileInfo) -> None:
        try:
            submitted = await self._submit(place.caller, place.files.read(folder, info))
        except FileChanged:
            return
        except Refusal as refusal:
            if refusal.retryable:
                raise
            if refusal.code in HALF_CODES:
                await self._unfinished(place, folder, info)
            else:
                await self._refuse(place, folder, info, problem_of(refusal))
            return
        self._count("repeated" if submitted.repeated else "taken")
        if await self._claimed(place, folder, info):
            await self._finish(place, info.name, submitted.receipt)

    async def _finish(self, place: Place, name: str, receipt: bytes) -> None:
        files, folders = place.files, place.folders
        await files.write(folders.receipts, name + RECEIPT, once(receipt))
        await put_away(files, folders.taking, name, folders.done)
        await files.remove(folders.outgoing, name + READY)
        self._waiting.pop(place.key(folders.outgoing, name), None)
        self._waiting.pop(place.key(folders.taking, name), None)

    async def _claimed(self, place: Place, folder: str, info: FileInfo) -> bool:
        # Whether the file in `taking` is the one that was judged; another stays there for the next round.
        files, taking = place.files, place.folders.taking
        try:
            if folder != taking and not await files.move(folder, info.name, taking, info.name):
                return False  # one of this name is still there: it comes first
        except FileChanged:
            return False
        return await files.look(taking, info.name) == info

    async def _unfinished(self, place: Place, folder: str, info: FileInfo) -> None:
        if self._overdue(place, folder, info):
            await self._refuse(place, folder, info, INCOMPLETE if info.plain else NOT_PLAIN)

    def _overdue(self, place: Place, folder: str, info: FileInfo) -> bool:
        key, now = place.key(folder, info.name), self._clock()
        seen = self._waiting.get(key)
        if seen is not None and seen[0] == info:
            return now - seen[1] >= place.options.patience_s
        if len(self._waiting) >= REMEMBERED_MOST:
            # The oldest first: forgotten files wait longer, no file waits for ever while others come and go.
            self._waiting.pop(next(iter(self._waiting)))
        self._waiting.pop(key, None)
        self._waiting[key] = (info, now)
        return False

    async def _refuse(self, place: Place, folder: str, info: FileInfo, problem: FileProblem) -> None:
        # As with what is taken in, what is refused must be what was judged.
        taking = place.folders.taking
        if is_safe(info.name) and folder != taking:
            if not await self._claimed(place, folder, info):
                return
            folder = taking
        await refuse(
            place.files,
            place.folders,
            folder=folder,
            info=info,
            problem=problem,
            system_id=place.caller.system_id,
        )
        self._waiting.pop(place.key(place.folders.outgoing, info.name), None)
        self._count("refused")
