"""From a stream of bytes to facts about it: one pass, constant memory.

The body goes to a temporary file, through SHA-256 and through the edXML splitter at once, in batches
that are worked on in a thread so that the event loop stays free. Nothing is judged here but the
format; a message that is refused leaves nothing behind, because the caller drops the spool folder.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hub.domain.problems import Refusal
from schemas.edxml.read import ReadEdxml, read
from schemas.issues import EdxmlRefused, Issue
from schemas.limits import FormatLimits
from schemas.split import MessageSplitter

BATCH_BYTES: Final = 512 * 1024
FEED_BYTES: Final = 64 * 1024
BODY_NAME: Final = "body"


class MessageRefused(Refusal):
    """The message is not acceptable edXML; `issues` say where and why."""

    def __init__(self, issues: tuple[Issue, ...]) -> None:
        super().__init__(issues[0].code)
        self.issues = issues


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A body that was read to its end and understood."""

    path: Path
    sha256: bytes
    size: int
    message: ReadEdxml


class _Receiver:
    # Runs in threads, one call after the other: no locks needed.

    def __init__(self, spool: Path, limits: FormatLimits) -> None:
        attachments = spool / "attachments"
        attachments.mkdir()
        self.path = spool / BODY_NAME
        self._file = self.path.open("xb")
        self._digest = hashlib.sha256()
        self._splitter = MessageSplitter(spool=attachments, limits=limits)
        self.size = 0

    def take(self, batch: bytearray) -> None:
        self._file.write(batch)
        self._digest.update(batch)
        self.size += len(batch)
        view = memoryview(batch)
        for start in range(0, len(batch), FEED_BYTES):
            self._splitter.feed(bytes(view[start : start + FEED_BYTES]))
        view.release()

    def finish(self) -> Received:
        self._file.flush()
        message = read(self._splitter.close())
        return Received(path=self.path, sha256=self._digest.digest(), size=self.size, message=message)

    def abandon(self) -> None:
        self._splitter.abort()

    def close(self) -> None:
        self._file.close()


async def receive(
    body: AsyncIterator[bytes], spool: Path, *, limits: FormatLimits, max_bytes: int
) -> Received:
    """Read a body to its end into `spool`.

    Args:
        body: chunks of the body, of any size.
        spool: a private folder on the blob store's file system; the caller drops it whatever happens.
        limits: limits of the format.
        max_bytes: limit of the body's size.

    Raises:
        MessageRefused: the format is refused, as soon as that is known.
        Refusal: `body_too_large`, `body_empty`.

    If the process dies here, a spool folder is left, which the next start clears.
    """
    receiver = _Receiver(spool, limits)
    try:
        batch = bytearray()
        async for chunk in body:
            batch += chunk
            _hold_to(max_bytes, receiver.size + len(batch))
            if len(batch) >= BATCH_BYTES:
                await asyncio.to_thread(receiver.take, batch)
                batch = bytearray()
        return await asyncio.to_thread(_take_and_finish, receiver, batch)
    except EdxmlRefused as refused:
        raise MessageRefused(refused.issues) from refused
    except BaseException:
        receiver.abandon()
        raise
    finally:
        receiver.close()


def _take_and_finish(receiver: _Receiver, batch: bytearray) -> Received:
    if batch:
        receiver.take(batch)
    if not receiver.size:
        raise Refusal("body_empty")
    return receiver.finish()


def _hold_to(max_bytes: int, size: int) -> None:
    if size > max_bytes:
        raise Refusal("body_too_large", params={"limit": max_bytes})
