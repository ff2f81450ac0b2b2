"""The folder as an exit: a delivery becomes two files in the unit's `in` folder.

First `<delivery id>.edxml`, then `<delivery id>.json` beside it, each written under a temporary name, made
durable and renamed: a reader who waits for the `.json` has the whole document. Being there is a hand-over;
the recipient confirms afterwards, by `<delivery id>.confirmed` (or `.rejected` with the reason inside), or,
where `confirm = taken` is set, by taking the `.edxml` away.

A repeat writes nothing that is there already, nor what the DMS has taken but not answered yet; only a new
series of attempts (somebody has sent it again) writes the files anew. The process dies before the `.json`:
the next attempt writes both again; after it: the next attempt finds them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import structlog

from adapters.folder.files import FileChanged, Files, FilesError, FilesUnavailable, once, read_small
from adapters.folder.layout import CONFIRMED, DOCUMENT, MARK, NOTE, REJECTED, UnitFolders, note_of
from hub.ports.blobs import BlobStoreError
from hub.ports.exits import Delivered, Failed, Outcome, Parcel, Rejected

log = structlog.get_logger(__name__)

REASON_MOST_BYTES: Final = 2_000
REASON_MOST: Final = 500
NO_REASON: Final = "(không nêu lý do)"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderOptions:
    """How a system's folders are used. `place` names the root; a change of it makes another root.

    `settle_s`: a sent file must stay unchanged this long; `patience_s`: after this long one that is not whole
    is refused; `timeout_s`: the longest hand-over of one delivery.
    """

    place: str
    taken_confirms: bool
    poll_s: float
    settle_s: float
    patience_s: float
    timeout_s: float


class FolderExit:
    """Implements `Exit` over the files of one system; also what its watcher works with."""

    groups_recipients = False

    def __init__(self, files: Files, options: FolderOptions) -> None:
        self.files = files
        self.options = options

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Put a document into its unit's `in` folder, or find there what became of it."""
        try:
            async with asyncio.timeout(self.options.timeout_s):
                await require_mark(self.files)
                return await self._deliver(parcel)
        except FilesError as error:
            return Failed(code=error.code, text=error.text, peer_fault=error.peer_fault)
        except BlobStoreError as error:
            # Our own storage: no fault of the peer.
            return Failed(code=error.code, text=str(error), peer_fault=False)
        except TimeoutError:
            return Failed(code="folder_slow", text="the hand-over took too long")
        except Exception as error:
            log.exception("folder_exit_failed")
            return Failed(code="folder_failed", text=type(error).__name__, peer_fault=False)

    async def _deliver(self, parcel: Parcel) -> Outcome:
        folders, delivery_id = UnitFolders(parcel.unit_ids[0]), str(parcel.delivery_ids[0])
        incoming = folders.incoming
        try:
            answer = await self._answer(incoming, delivery_id)
        except FilesUnavailable as error:
            if error.code != "folder_missing":
                raise
            await self.files.prepare(folders.all)
            answer = None
        if answer is not None:
            return answer
        document = await self.files.look(incoming, delivery_id + DOCUMENT)
        if await self.files.look(incoming, delivery_id + NOTE) is not None:
            if document is None and self.options.taken_confirms:
                return Delivered(confirmed=True)
            if document is None and parcel.attempt > 1:
                return Delivered(confirmed=False)  # taken; the answer is yet to come
            if document is not None and document.plain and document.size == parcel.content.size:
                return Delivered(confirmed=False)
        await self._write(parcel, incoming, delivery_id)
        return Delivered(confirmed=False)

    async def _answer(self, incoming: str, delivery_id: str) -> Outcome | None:
        if await self.files.look(incoming, delivery_id + CONFIRMED) is not None:
            return Delivered(confirmed=True)
        rejection = await self.files.look(incoming, delivery_id + REJECTED)
        if rejection is None or not rejection.plain:
            return None
        try:
            return Rejected(
                code="rejected_by_recipient",
                text=reason_in(
                    await read_small(self.files, incoming, rejection, most=REASON_MOST_BYTES),
                ),
            )
        except FileChanged:
            return None  # still being written: the watcher, or the next attempt, finds it

    async def _write(self, parcel: Parcel, incoming: str, delivery_id: str) -> None:
        # A note of an earlier attempt must not vouch for a document that is being replaced.
        await self.files.remove(incoming, delivery_id + NOTE)
        size = await self.files.write(incoming, delivery_id + DOCUMENT, _all_of(parcel))
        if size != parcel.content.size:
            raise FilesUnavailable("content_cut", "the content had another size", peer_fault=False)
        await self.files.write(incoming, delivery_id + NOTE, once(note_of(parcel)))

    async def probe(self) -> Failed | None:
        """Look for the root's mark and write and remove a file beside it."""
        name = ".lienthong-probe"
        try:
            async with asyncio.timeout(self.options.timeout_s):
                await require_mark(self.files)
                await self.files.write("", name, once(b""))
                await self.files.remove("", name)
        except FilesError as error:
            return Failed(code=error.code, text=error.text)
        except TimeoutError:
            return Failed(code="folder_slow", text="no answer in time")
        return None

    async def close(self) -> None:
        """Let go of connections and threads."""
        await self.files.close()


async def require_mark(files: Files) -> None:
    """Make sure that the root is the hub's. Raises FilesUnavailable `root_unmarked`, `folder_missing`.

    An unmounted disk leaves an empty folder behind: without this, everything in it would seem to be taken.
    """
    if await files.look("", MARK) is None:
        raise FilesUnavailable(
            "root_unmarked",
            f"{MARK} is missing in the root: not mounted, or not prepared by a node yet",
        )


def reason_in(content: bytes) -> str:
    """Return a recipient's reason out of its file, fit to be stored and shown."""
    text = content.decode("utf-8-sig", "replace")
    cleaned = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return cleaned[:REASON_MOST] or NO_REASON


async def _all_of(parcel: Parcel) -> AsyncIterator[bytes]:
    async for chunk in parcel.content.open():
        yield chunk
