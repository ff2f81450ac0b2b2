"""What goes between the hub and a verifying process.

Jobs go out as the hub's own objects. Answers come back as JSON in frames of limited length, read as they come
without blocking the loop and checked field by field: a process that read a hostile file is not trusted, and
nothing that it sends can run here or make the hub wait for the rest of a frame.

    {"report": {…}}     the report on a file (`signing.report_codec`)
    {"lines": […]}      the text of a first page
    {"printed": n}      a printed report of n bytes was written
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from signing.page_text import CHARACTERS_MOST
from signing.report import FileReport
from signing.report_codec import BYTES_MOST, ReportInvalid, decode, encode

READY: Final = b'{"ready": true}'
FRAME_MOST: Final = BYTES_MOST + 1024
_LENGTH: Final = struct.Struct("!i")
_READ_BYTES: Final = 256 * 1024
_REPORT: Final = b'{"report": '


class WireBroken(Exception):
    """The process is gone, or what it sent is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyJob:
    """Verify a file; `content` are files signed beside it, `existed_by` is when the hub had it."""

    path: Path
    name: str
    content: tuple[Path, ...] = ()
    existed_by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageJob:
    """Read the first page of a PDF."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintJob:
    """Draw a report as a PDF into `out`."""

    report: FileReport
    source: Path | None
    out: Path
    hub: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines of text."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """A printed report was written."""

    size: int


Job = VerifyJob | PageJob | PrintJob
Answer = FileReport | Lines | Printed


def write_answer(answer: Answer) -> bytes:
    """An answer as the frame's content."""
    if isinstance(answer, FileReport):
        return _REPORT + encode(answer) + b"}"
    if isinstance(answer, Lines):
        return json.dumps({"lines": answer.lines}).encode()
    return json.dumps({"printed": answer.size}).encode()


def read_answer(data: bytes) -> Answer:
    """The answer in a frame. Raises `WireBroken` for anything else."""
    if data.startswith(_REPORT):
        try:
            return decode(data[len(_REPORT) : -1])
        except ReportInvalid as error:
            raise WireBroken(str(error)) from error
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WireBroken(type(error).__name__) from error
    match found:
        case {"printed": int(size)}:
            return Printed(size=size)
        case {"lines": list(lines)} if all(isinstance(line, str) for line in lines):
            if sum(map(len, lines)) <= CHARACTERS_MOST:
                return Lines(lines=tuple(lines))
    raise WireBroken("no answer")


class Pipe:
    """The hub's end of a worker's pipe."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._fd = connection.fileno()
        os.set_blocking(self._fd, False)
        self._buffer = bytearray()
        self._receiving = self._closed = False

    def send(self, job: Job) -> None:
        """Hand a job over. Raises OSError if the process is gone."""
        # Reports can be long: the worker reads while this writes, so blocking here ends.
        os.set_blocking(self._fd, True)
        try:
            self._connection.send(job)
        finally:
            os.set_blocking(self._fd, False)

    async def receive(self) -> Answer:
        """The next answer. Raises `WireBroken`."""
        return read_answer(await self.receive_raw())

    async def receive_raw(self) -> bytes:
        """The content of the next frame, without a thread: the loop watches the pipe. Raises `WireBroken`."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()
        self._receiving = True
        loop.add_reader(self._fd, news.set)
        try:
            while (frame := self._frame()) is None:
                await news.wait()
                news.clear()
                self._read()
            return frame
        finally:
            self._receiving = False
            loop.remove_reader(self._fd)
            if self._closed:
                self._connection.close()

    def close(self) -> None:
        """Let go; a reader that still waits must see the end of the pipe, so it closes its end itself."""
        self._closed = True
        if not self._receiving:
            self._connection.close()

    def _read(self) -> None:
        try:
            chunk = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise WireBroken(type(error).__name__) from error
        if not chunk:
            raise WireBroken("the process ended")
        self._buffer += chunk

    def _frame(self) -> bytes | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if not 0 < length <= FRAME_MOST:
            raise WireBroken("a frame too long")
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        frame = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        if self._buffer:
            raise WireBroken("more than one answer")
        return frame
