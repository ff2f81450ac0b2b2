"""What server dialects share: how bodies come in, how documents go out, what an unreadable head is told."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from hub.domain.binding import Peer
from hub.services.inbox import Content

BASE64_UNIT: Final = 3
SMALL_BODY_MAX: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfers:
    """How bodies come in and who is at the other end: the HTTP entrance's own ways, given from above.

    `stream` invites a client that waits for 100 Continue, and holds a body to its pace; `must_close` says
    that a client still waits for that word, so that nobody knows what follows on the connection.
    """

    stream: Callable[[web.Request], AsyncIterator[bytes]]
    must_close: Callable[[web.Request], bool]
    refuse_declared_size: Callable[[web.Request], None]
    peer_of: Callable[[web.Request], Peer]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadAnswer:
    """What is said to a call whose head cannot be read: nothing of it is known but perhaps its path."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


async def read_small(request: web.Request, transfers: Transfers, too_large: Exception) -> bytes:
    """Read the body of a call that brings no document; raises `too_large` if it is longer than 64 KB."""
    body = bytearray()
    if not request.can_read_body:
        return b""
    async for chunk in transfers.stream(request):
        body += chunk
        if len(body) > SMALL_BODY_MAX:
            raise too_large
    return bytes(body)


async def send_in_json(
    request: web.Request, content: Content, frame: tuple[bytes, bytes]
) -> web.StreamResponse:
    """Send a document as base64 between the two parts of a JSON answer, as it is read; as `send_whole`."""
    head, tail = frame
    response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    response.content_length = len(head) + base64_size(content.size) + len(tail)
    await send_whole(request, response, in_base64(head, content.chunks, tail))
    return response


def base64_size(size: int) -> int:
    """Return how long so many bytes are in base64."""
    return -(-size // BASE64_UNIT) * 4


async def in_base64(head: bytes, chunks: AsyncIterator[bytes], tail: bytes) -> AsyncIterator[bytes]:
    """Yield `head`, the chunks in base64 as they come, and `tail`."""
    # Base64 goes in units of three bytes: what is over waits for the next chunk.
    rest = b""
    yield head
    async for chunk in chunks:
        whole = rest + chunk
        cut = len(whole) - len(whole) % BASE64_UNIT
        rest = whole[cut:]
        yield base64.b64encode(memoryview(whole)[:cut])
    yield base64.b64encode(rest) + tail


async def send_whole(
    request: web.Request, response: web.StreamResponse, chunks: AsyncIterator[bytes]
) -> None:
    """Send a body of known length as it comes; if it cannot be sent whole, the connection is broken off.

    What is wrong before the first byte of the document is there is raised, and can still be told; afterwards
    only a connection that breaks off says that what was received is not the document.
    """
    first = await anext(chunks, b"")
    second = await anext(chunks, b"")
    await response.prepare(request)
    try:
        await response.write(first + second)
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
    except BaseException:
        if request.transport is not None:
            request.transport.abort()
        raise
