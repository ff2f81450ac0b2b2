"""The hub's end of the pipe before a worker that a hostile file has taken over."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle  # noqa: TID251 - what a hostile worker might send
import struct
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest

from hub.workers.verifier_wire import FRAME_MOST, Lines, Pipe, WireBroken, write_answer


@pytest.fixture
def ends() -> Iterator[tuple[Pipe, Connection]]:
    ours, theirs = multiprocessing.Pipe(duplex=True)
    pipe = Pipe(ours)
    yield pipe, theirs
    pipe.close()
    theirs.close()


async def test_an_answer_that_comes_in_pieces_is_read_whole(ends: tuple[Pipe, Connection]) -> None:
    pipe, theirs = ends
    frame = write_answer(Lines(lines=("MẬT", "hai")))
    whole = struct.pack("!i", len(frame)) + frame
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(pipe.receive())
        for byte in whole:
            _raw(theirs, bytes([byte]))
            await asyncio.sleep(0)
    assert waiting.result() == Lines(lines=("MẬT", "hai"))


async def test_a_frame_that_never_ends_leaves_the_loop_free(ends: tuple[Pipe, Connection]) -> None:
    pipe, theirs = ends
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(pipe.receive())
        _raw(theirs, struct.pack("!i", 1000) + b"{")
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack("!i", FRAME_MOST + 1),
        struct.pack("!i", -1),
        struct.pack("!i", 2) + b"[]",
        struct.pack("!i", 4) + b"\xff\xff\xff\xff",
        struct.pack("!i", 2) + b"{}" + b"more",
        struct.pack("!i", 14) + b'{"lines": [1]}',
        struct.pack("!i", 4) + pickle.dumps(None),
        struct.pack("!i", 13) + b'{"report": 1}',
    ],
)
async def test_what_is_no_answer_ends_the_worker(ends: tuple[Pipe, Connection], sent: bytes) -> None:
    pipe, theirs = ends
    _raw(theirs, sent)
    with pytest.raises(WireBroken):
        await pipe.receive()


async def test_the_end_of_the_process_is_seen(ends: tuple[Pipe, Connection]) -> None:
    pipe, theirs = ends
    theirs.close()
    with pytest.raises(WireBroken):
        await pipe.receive()


def _raw(connection: Connection, data: bytes) -> None:
    os.write(connection.fileno(), data)
