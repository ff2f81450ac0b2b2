"""Connections that do not say what they want: ended after a while, answered where they asked."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from hub.domain.limits import REQUEST_HEAD_TIME_MAX
from hub.web.heads import HeadsKept
from hub.web.protocol import Connection

TIME = REQUEST_HEAD_TIME_MAX.total_seconds()
HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"

pytestmark = pytest.mark.looptime


class Line(asyncio.Transport):
    """The other end of a connection: what was written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def _answer(request: web.BaseRequest) -> web.StreamResponse:
    try:
        await request.content.read()
    except web.RequestPayloadError:
        return web.Response(status=400)
    return web.Response(text="ok")


def opened(kept: HeadsKept | None = None) -> tuple[Connection, Line]:
    """A connection that was just made, and its other end."""
    made = Connection(
        web.Server(_answer), loop=asyncio.get_running_loop(), answerers=[], kept=kept or HeadsKept()
    )
    line = Line()
    made.connection_made(line)
    return made, line


async def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    _, line = opened()
    await asyncio.sleep(TIME - 1)
    assert not line.closed
    await asyncio.sleep(1.5)
    assert (line.closed, line.written) == (True, b"")


async def test_a_head_that_comes_drop_by_drop_is_refused_and_the_connection_closed() -> None:
    connection, line = opened()
    connection.data_received(HEAD)
    for number in range(int(TIME) - 1):
        await asyncio.sleep(1)
        connection.data_received(b"X-%d: y\r\n" % number)
    assert line.written == b""
    await asyncio.sleep(1.5)
    head, _, body = line.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["code"] == "head_too_slow"
    assert line.closed


async def test_a_head_that_is_whole_in_time_leaves_its_call_all_the_time_it_needs() -> None:
    connection, line = opened()
    connection.data_received(HEAD)
    await asyncio.sleep(TIME - 1)
    connection.data_received(b"\r\n")
    await asyncio.sleep(2)
    assert line.written.startswith(b"HTTP/1.1 200 ")
    assert not line.closed


async def test_the_next_head_of_a_connection_has_its_own_time() -> None:
    connection, line = opened()
    connection.data_received(HEAD + b"\r\n")
    await asyncio.sleep(TIME + 1)
    line.written = b""
    connection.data_received(HEAD)
    await asyncio.sleep(TIME + 0.5)
    assert b"head_too_slow" in line.written


async def test_a_client_that_ends_its_side_after_the_question_gets_its_answer() -> None:
    connection, line = opened()
    connection.data_received(HEAD + b"\r\n")
    assert connection.eof_received() is True
    await asyncio.sleep(1)
    assert line.written.startswith(b"HTTP/1.1 200 ")
    assert line.closed


async def test_what_cannot_be_read_is_told_so_though_its_sender_has_ended_its_side() -> None:
    connection, line = opened()
    connection.data_received(HEAD + b"Content-Length: 1, 2\r\n\r\n{}")
    assert connection.eof_received() is True
    await asyncio.sleep(1)
    assert b" 400 " in line.written.partition(b"\r\n")[0]
    assert line.closed


async def test_the_same_holds_for_the_second_question_of_a_connection() -> None:
    connection, line = opened()
    connection.data_received(HEAD + b"\r\n")
    await asyncio.sleep(1)
    line.written = b""
    connection.data_received(HEAD + b"\r\n")
    assert connection.eof_received() is True
    await asyncio.sleep(1)
    assert line.written.startswith(b"HTTP/1.1 200 ")
    assert line.closed


@pytest.mark.parametrize(
    "said",
    [
        b"",
        HEAD,
        HEAD + b"Content-Length: 5\r\n\r\n12",
        HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    ],
)
async def test_a_client_that_ends_its_side_in_the_middle_is_let_go(said: bytes) -> None:
    connection, _ = opened()
    await asyncio.sleep(0)
    connection.data_received(said)
    assert not connection.eof_received()


async def test_a_client_that_has_its_answer_and_ends_its_side_is_let_go() -> None:
    connection, _ = opened()
    connection.data_received(HEAD + b"\r\n")
    await asyncio.sleep(1)
    assert not connection.eof_received()


async def test_a_body_that_is_not_packed_as_it_says_is_no_fault_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection, line = opened()
    connection.data_received(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: deflate\r\nContent-Length: 7\r\n\r\ngarbage"
    )
    await asyncio.sleep(1)
    assert line.written.startswith(b"HTTP/1.1 400 ")
    assert caplog.records == []


async def test_heads_that_are_not_whole_are_kept_within_bounds_however_many_there_are() -> None:
    kept = HeadsKept(most=10_000)
    piece = HEAD + b"X: " + b"a" * 4_000
    first, second, third = (opened(kept) for _ in range(3))
    for connection, _ in (first, second, third):
        connection.data_received(piece)
    assert (first[1].written, second[1].written) == (b"", b"")
    assert third[1].written.startswith(b"HTTP/1.1 503 ")
    assert json.loads(third[1].written.partition(b"\r\n\r\n")[2])["code"] == "intake_busy"
    assert kept.total == 2 * len(piece)
    first[0].data_received(b"\r\n\r\n")
    second[0].connection_lost(None)
    assert kept.total == 0
    await asyncio.sleep(1)
    assert first[1].written.startswith(b"HTTP/1.1 200 ")
